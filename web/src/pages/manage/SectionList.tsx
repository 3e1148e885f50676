import { ArrowDown, ArrowUp, Plus } from "lucide-preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { useHistoryState } from "wouter-preact/use-browser-location";

import { type Fields, listDocuments, patchDocument } from "~/api/documents";
import { type ApiError, toApiError } from "~/api/errors";
import { useResources } from "~/api/resources";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { useSession } from "~/session";
import { pagePath, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { type Column, DataTable } from "~/ui/DataTable";
import { SelectField, TextField } from "~/ui/Field";
import { Loaded } from "~/ui/Loading";
import { ErrorNotice, Notice } from "~/ui/Notice";

import type { Done } from "./ItemPage";
import { orderedPositions } from "./positions";
import { isAtLeast, nameOf, type Place, type Section } from "./sections";

const PER_PAGE = 50;

/** List of a section's resources: searched, page by page, each with a link to its form. */
export function SectionList({
  section,
  place,
  pathOf,
}: {
  section: Section;
  place: Place;
  pathOf: (item?: string) => string;
}) {
  const { texts, formats } = useLanguage();
  const { manage } = texts;
  const { key, role, timezone } = useApplication();
  const { me } = useSession();
  const [params, change] = useQuery();
  const state = useHistoryState<Done | null>();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [q, active, lever] = [params.get("q") ?? "", params.get("active") ?? "", params.get("lever") ?? ""];
  const page = Math.max(1, Number(params.get("page") ?? "1") || 1);
  const levers = useResources(section.name === "campaigns" ? "levers" : null);
  const canRead = isAtLeast(role, section.readRole);
  const canChange = isAtLeast(role, section.role) && !(section.name === "keys" && me?.isApiKey);
  const path = section.listPath(place);
  const query = {
    page,
    per_page: PER_PAGE,
    ...(q && section.isSearched ? { q } : {}),
    ...(active && section.hasActiveFilter ? { active } : {}),
    ...(lever && section.name === "campaigns" ? { lever } : {}),
  };
  const remote = useRemote(canRead ? `${path} ${JSON.stringify(query)}` : null, (signal) =>
    listDocuments(path, query, signal),
  );

  if (!canRead) return <Notice>{manage.needsToSee}</Notice>;

  function filter(changes: Record<string, string>): void {
    const entries = Object.entries({ ...changes, page: "" });
    change(Object.fromEntries(entries.map(([name, value]) => [name, value || null])), { replace: true });
  }

  async function move(documents: readonly Fields[], index: number, step: 1 | -1): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      for (const { id, position } of orderedPositions(documents, index, step))
        await patchDocument(section.itemPath(place, id), { position });
      remote.reload();
    } catch (problem) {
      setError(toApiError(problem));
    } finally {
      setBusy(false);
    }
  }

  const columns = (documents: readonly Fields[], total: number): Column<Fields>[] => {
    const isWhole = total <= documents.length && !section.isOrdered; // a page alone in another order would mislead
    const context = { texts, formats, timezone };
    return [
      {
        id: "name",
        title: manage.columns.name,
        cell: (document) => <Link href={pathOf(String(document["_id"]))}>{nameOf(document)}</Link>,
        ...(isWhole ? { sortBy: (document: Fields) => nameOf(document).toLocaleLowerCase() } : {}),
      },
      ...section.columns.map((column, index) => ({
        id: String(index),
        title: column.title(manage),
        cell: (document: Fields) => column.cell(document, context),
        isNumber: column.isNumber ?? false,
        ...(isWhole ? { sortBy: column.sortBy } : {}),
      })),
      ...(section.isOrdered && canChange && !q
        ? [
            {
              id: "order",
              title: manage.columns.order,
              cell: (document: Fields) => {
                const index = documents.indexOf(document);
                const last = documents.length - 2; // the last one is `other`
                if (index > last) return null;
                const name = nameOf(document);
                return (
                  <span class="manage-order">
                    <Button
                      kind="plain"
                      label={manage.moveUp(name)}
                      icon={<ArrowUp size={16} aria-hidden="true" />}
                      disabled={isBusy || index === 0}
                      onClick={() => void move(documents, index, -1)}
                    />
                    <Button
                      kind="plain"
                      label={manage.moveDown(name)}
                      icon={<ArrowDown size={16} aria-hidden="true" />}
                      disabled={isBusy || index === last}
                      onClick={() => void move(documents, index, 1)}
                    />
                  </span>
                );
              },
            },
          ]
        : []),
    ];
  };

  return (
    <div class="stack">
      {state?.done === "deleted" ? <Notice kind="good">{manage.deleted}</Notice> : null}
      {error ? <ErrorNotice error={error} /> : null}
      <p class="muted manage-about">{manage.about[section.name]}</p>
      <div class="manage-tools">
        {section.isSearched ? (
          <TextField
            label={texts.common.search}
            type="search"
            value={q}
            onInput={(value) => {
              filter({ q: value });
            }}
          />
        ) : null}
        {section.hasActiveFilter ? (
          <SelectField
            label={manage.columns.active}
            value={active}
            options={["", "true", "false"].map((value) => ({
              value,
              label: value === "" ? manage.all : value === "true" ? manage.choices.yes : manage.choices.no,
            }))}
            onChange={(value) => {
              filter({ active: value });
            }}
          />
        ) : null}
        {section.name === "campaigns" ? (
          <SelectField
            label={manage.columns.lever}
            value={lever}
            options={[
              { value: "", label: manage.all },
              ...(levers.data?.documents ?? []).map((one) => ({ value: one._id, label: one.name ?? one.key })),
            ]}
            onChange={(value) => {
              filter({ lever: value });
            }}
          />
        ) : null}
        <div class="manage-buttons no-print">
          {section.isImported && isAtLeast(role, "editor") ? (
            <Link class="button" href={pagePath(key, "data")}>
              {manage.bringFile}
            </Link>
          ) : null}
          {canChange ? (
            <Link class="button button-main" href={pathOf("new")}>
              <Plus size={16} aria-hidden="true" />
              {manage.titleOfNew[section.name]}
            </Link>
          ) : null}
        </div>
      </div>
      {canChange ? null : <Notice>{section.name === "keys" ? manage.noKeysByKey : manage.needs[section.role]}</Notice>}
      <Loaded remote={remote} height={360}>
        {({ documents, total }) => (
          <div class="stack">
            <p role="status" class="muted">
              {manage.counts[section.name](total)}
            </p>
            {documents.length ? (
              <DataTable
                caption={manage.sections[section.name]}
                columns={columns(documents, total)}
                rows={documents}
                rowKey={(document) => String(document["_id"])}
              />
            ) : (
              <div class="card">
                <p>{q || active || lever ? texts.filters.nothing : manage.nothing[section.name]}</p>
              </div>
            )}
            <Pages
              page={page}
              total={total}
              onChange={(next) => {
                change({ page: next > 1 ? String(next) : null });
              }}
            />
          </div>
        )}
      </Loaded>
    </div>
  );
}

function Pages({ page, total, onChange }: { page: number; total: number; onChange: (page: number) => void }) {
  const { texts, formats } = useLanguage();
  const last = Math.max(1, Math.ceil(total / PER_PAGE));
  if (last === 1 && page === 1) return null;
  const [first, end] = [(page - 1) * PER_PAGE + 1, Math.min(page * PER_PAGE, total)];
  return (
    <nav class="row no-print" aria-label={texts.manage.pages}>
      <Button
        disabled={page <= 1}
        onClick={() => {
          onChange(Math.min(page - 1, last));
        }}
      >
        {texts.manage.previous}
      </Button>
      <span>{texts.common.of(`${formats.count(first)}–${formats.count(end)}`, formats.count(total))}</span>
      <Button
        disabled={page >= last}
        onClick={() => {
          onChange(page + 1);
        }}
      >
        {texts.manage.next}
      </Button>
    </nav>
  );
}
