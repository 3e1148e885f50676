/** Sections of the page: where their resources are, who may change them, and what their lists show. */
import type { ComponentChildren } from "preact";

import { apiPath, type Schemas } from "~/api/client";
import { type Fields, listDocuments, readDocument, type Tagged } from "~/api/documents";
import type { Formats } from "~/format/formats";
import type { Texts } from "~/i18n/en";
import type { Role } from "~/session";

import { type FieldGroup, GROUPS, type SectionName } from "./fields";

export interface Place {
  /** Key of the application. */
  application: string;
  /** Site whose equipments are shown. */
  site: string | null;
}

export interface ListColumn {
  title: (texts: Texts["manage"]) => string;
  cell: (document: Fields, context: { texts: Texts; formats: Formats; timezone: string }) => ComponentChildren;
  sortBy: (document: Fields) => string | number | null;
  isNumber?: boolean;
}

/** Number of resources that a deletion changes, too. */
export interface Consequence {
  name: keyof Texts["manage"]["consequences"];
  count: number;
}

export interface Section {
  name: SectionName;
  groups: readonly FieldGroup[];
  /** The least role that may see it, and that may change it. */
  readRole: Role;
  role: Role;
  listPath: (place: Place) => string;
  itemPath: (place: Place, id: string) => string;
  /** Read one; by its path unless the API has none. */
  read: (place: Place, id: string, signal?: AbortSignal) => Promise<Tagged>;
  columns: readonly ListColumn[];
  isSearched: boolean;
  hasActiveFilter?: boolean;
  /** Whether it can only be created and deleted. */
  isFinal?: boolean;
  /** Whether its list says an order that matters. */
  isOrdered?: boolean;
  /** Whether files of it can be brought. */
  isImported?: boolean;
  /** What a new one has. */
  initial: Fields;
  countConsequences: (place: Place, document: Fields, signal?: AbortSignal) => Promise<Consequence[]>;
}

/** Return the name of a document as people know it. */
export function nameOf(document: Fields): string {
  const { name, key, login, _id } = document;
  return String(name || key || login || _id);
}

/** Tell whether a role has at least the rights of another. */
export function isAtLeast(role: Role, least: Role): boolean {
  const order: Role[] = ["reader", "editor", "admin"];
  return order.indexOf(role) >= order.indexOf(least);
}

// -- columns -----------------------------------------------------------------------------------------------------

type ColumnName = keyof Texts["manage"]["columns"];

function textColumn(name: ColumnName, read: (document: Fields) => unknown = (document) => document[name]): ListColumn {
  const sortBy = (document: Fields) => {
    const value = read(document);
    return value === null || value === undefined || value === "" ? null : String(value as string);
  };
  return { title: ({ columns }) => columns[name], cell: (document) => sortBy(document) ?? "", sortBy };
}

function listColumn(name: ColumnName): ListColumn {
  const read = (document: Fields) => ((document[name] ?? []) as string[]).join(", ");
  return textColumn(name, read);
}

function countColumn(name: ColumnName): ListColumn {
  const sortBy = (document: Fields) => ((document[name] ?? []) as unknown[]).length;
  return {
    title: ({ columns }) => columns[name],
    cell: (document, { formats }) => formats.count(sortBy(document)),
    sortBy,
    isNumber: true,
  };
}

function choiceColumn(name: "role" | "status"): ListColumn {
  return {
    ...textColumn(name),
    cell: (document, { texts }) => {
      const value = document[name] as keyof Texts["manage"]["choices"] | undefined;
      return value ? texts.manage.choices[value] : texts.manage.anyRole;
    },
  };
}

const activeColumn: ListColumn = {
  title: ({ columns }) => columns.active,
  cell: ({ active }, { texts }) => (active ? texts.manage.choices.yes : <strong>{texts.manage.choices.no}</strong>),
  sortBy: ({ active }) => Number(active),
};

function dayColumn(name: "expiresAt" | "createdAt"): ListColumn {
  return {
    ...textColumn(name),
    cell: (document, { formats, timezone, texts }) =>
      document[name] ? formats.instant(String(document[name]), timezone) : texts.manage.never[name],
  };
}

const periodColumn: ListColumn = {
  title: ({ columns }) => columns.period,
  cell: ({ from, to }, { formats }) => {
    if (from && to) return formats.range(String(from), String(to));
    return from || to ? `${from ? formats.day(String(from)) : "…"} – ${to ? formats.day(String(to)) : "…"}` : "";
  },
  sortBy: ({ from, to }) => ((from ?? to) as string | null | undefined) ?? null,
};

const matchColumn: ListColumn = {
  title: ({ columns }) => columns.match,
  cell: ({ match, key }, { texts }) => {
    const entries = Object.entries((match ?? {}) as Record<string, string[]>).filter(([, values]) => values.length);
    if (!entries.length) return key === "other" ? texts.manage.matchOther : texts.manage.matchNothing;
    return entries
      .map(([name, values]) => `${texts.manage.parts[name as "format"]}${texts.filters.colon} ${values.join(", ")}`)
      .join("; ");
  },
  sortBy: () => null,
};

const userStateColumn: ListColumn = {
  ...textColumn("status"),
  cell: ({ status, disabled, expiresAt }, { texts, formats, timezone }) =>
    disabled
      ? texts.manage.choices.disabled
      : status === "pending"
        ? texts.manage.pendingUntil(formats.instant(String(expiresAt), timezone))
        : texts.manage.choices.active,
};

const keyApplicationsColumn: ListColumn = {
  ...countColumn("applications"),
  cell: ({ applications }, { texts, formats }) =>
    Array.isArray(applications) && applications.length
      ? formats.count(applications.length)
      : texts.manage.allApplications,
};

const city = (document: Fields) => (document["address"] as { city?: string } | undefined)?.city;

// -- sections ----------------------------------------------------------------------------------------------------

const below =
  (...path: string[]) =>
  ({ application }: Place) =>
    apiPath("applications", application, ...path);

const countIn = async (path: string, query: Record<string, string>, signal?: AbortSignal): Promise<number> =>
  (await listDocuments(path, { ...query, per_page: 0 }, signal)).total;

type Base = Pick<Section, "name" | "listPath" | "columns"> & Partial<Section>;

function makeSection({ name, listPath, ...rest }: Base): Section {
  const itemPath = rest.itemPath ?? ((place: Place, id: string) => `${listPath(place)}/${encodeURIComponent(id)}`);
  return {
    name,
    groups: GROUPS[name],
    readRole: "reader",
    role: "editor",
    listPath,
    itemPath,
    read: (place, id, signal) => readDocument(itemPath(place, id), signal),
    isSearched: true,
    initial: {},
    countConsequences: () => Promise.resolve([]),
    ...rest,
  };
}

/** Return a resource from its list, where the path of one answers changes only. */
async function readFromList(path: string, id: string, signal?: AbortSignal): Promise<Tagged> {
  for (let page = 1, seen = 0, total = 1; seen < total; page++) {
    const { documents, total: all } = await listDocuments(path, { page, per_page: 100 }, signal);
    const document = documents.find(({ _id }) => _id === id);
    if (document) return { document, etag: null };
    seen += 100;
    total = all;
  }
  return readDocument(`${path}/${encodeURIComponent(id)}`, signal); // the server says that it is gone
}

type Stored = Schemas["SiteAnswer"];

export const SECTIONS: Record<SectionName, Section> = {
  sites: makeSection({
    name: "sites",
    listPath: below("sites"),
    isImported: true,
    hasActiveFilter: true,
    columns: [textColumn("key"), textColumn("city", city), textColumn("type"), listColumn("tags"), activeColumn],
    initial: { active: true, online: false },
    countConsequences: async ({ application }, document, signal) => {
      const { _id, thumbnail } = document as Pick<Stored, "_id" | "thumbnail">;
      const [equipments, campaigns, studies, pois] = await Promise.all([
        countIn(apiPath("applications", application, "sites", _id, "equipments"), {}, signal),
        ...["campaigns", "studies", "pois"].map((kind) =>
          countIn(apiPath("applications", application, kind), { sites: _id }, signal),
        ),
      ]);
      return [
        { name: "equipments", count: equipments ?? 0 },
        { name: "thumbnail", count: thumbnail ? 1 : 0 },
        { name: "campaigns", count: campaigns ?? 0 },
        { name: "studies", count: studies ?? 0 },
        { name: "pois", count: pois ?? 0 },
      ];
    },
  }),
  pois: makeSection({
    name: "pois",
    listPath: below("pois"),
    isImported: true,
    hasActiveFilter: true,
    columns: [textColumn("key"), textColumn("type"), listColumn("tags"), activeColumn],
    initial: { active: true },
    countConsequences: async ({ application }, { _id }, signal) => [
      {
        name: "studies",
        count: await countIn(apiPath("applications", application, "studies"), { pois: String(_id) }, signal),
      },
    ],
  }),
  campaigns: makeSection({
    name: "campaigns",
    listPath: below("campaigns"),
    isImported: true,
    columns: [
      textColumn("key"),
      periodColumn,
      textColumn("lever", (document) => document["_cachedLeverName"]),
      textColumn("provider"),
      countColumn("costs"),
      countColumn("sites"),
    ],
    countConsequences: (_, { costs }) =>
      Promise.resolve([{ name: "costs", count: ((costs ?? []) as unknown[]).length }]),
  }),
  levers: makeSection({
    name: "levers",
    listPath: below("levers"),
    role: "admin",
    isOrdered: true,
    columns: [textColumn("key"), matchColumn],
    initial: { trigger: false },
    countConsequences: async ({ application }, { _id }, signal) => [
      {
        name: "campaignsOfLever",
        count: await countIn(apiPath("applications", application, "campaigns"), { lever: String(_id) }, signal),
      },
    ],
  }),
  studies: makeSection({
    name: "studies",
    listPath: below("studies"),
    isImported: true,
    columns: [textColumn("key"), periodColumn, countColumn("sites"), countColumn("pois")],
  }),
  equipments: makeSection({
    name: "equipments",
    listPath: ({ application, site }) => apiPath("applications", application, "sites", site ?? "", "equipments"),
    role: "admin",
    hasActiveFilter: true,
    columns: [textColumn("key"), textColumn("type"), activeColumn],
    initial: { active: true },
  }),
  users: makeSection({
    name: "users",
    listPath: below("users"),
    readRole: "admin",
    role: "admin",
    read: (place, id, signal) => readFromList(apiPath("applications", place.application, "users"), id, signal),
    columns: [textColumn("login"), choiceColumn("role"), userStateColumn],
    initial: { role: "reader" },
  }),
  keys: makeSection({
    name: "keys",
    listPath: () => apiPath("auth", "keys"),
    read: (_, id, signal) => readFromList(apiPath("auth", "keys"), id, signal),
    role: "reader",
    isSearched: false,
    isFinal: true,
    columns: [choiceColumn("role"), keyApplicationsColumn, dayColumn("expiresAt"), dayColumn("createdAt")],
    initial: { survivesPasswordChange: false },
  }),
  application: makeSection({
    name: "application",
    listPath: below(),
    itemPath: below(),
    role: "admin",
    columns: [],
  }),
};
