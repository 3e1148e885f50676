/** Fields of the forms, for each section: what an editor of the API's bodies would expect, in groups. */
import type { Schemas } from "~/api/client";
import type { Texts } from "~/i18n/en";

import { WEEKDAYS } from "~/state/days";

import {
  applicationsKind,
  choiceKind,
  dayKind,
  flagKind,
  geometryKind,
  type Kind,
  lastDayKind,
  listKind,
  namedValuesKind,
  numberKind,
  numberOrWordKind,
  numbersKind,
  openingsKind,
  partsKind,
  positionKind,
  referencesKind,
  rowsKind,
  textKind,
} from "./kinds";

export type FieldName = keyof Texts["manage"]["fields"];
export type GroupName = keyof Texts["manage"]["groups"];

export interface FieldSpec {
  /** Path within the document. */
  name: FieldName;
  kind: Kind;
  isRequired?: boolean;
  /** Whether it needs the whole width. */
  isWide?: boolean;
  /** Whether it needs the width of two. */
  isDouble?: boolean;
  /** Whether it is shown, but cannot be changed after the creation. */
  isFixed?: boolean;
  isForPlatformAdmins?: boolean;
  /** Whether a new one has no such field. */
  isForStored?: boolean;
  /** Whether an online site has no such field. */
  isOffline?: boolean;
}

export interface FieldGroup {
  name: GroupName;
  fields: readonly FieldSpec[];
  /** Whether the group has the map of a place. */
  hasMap?: boolean;
  /** Whether it is closed at first. */
  isRare?: boolean;
}

/** Fields of a body of the API: a name that the body does not have fails the type check. */
type FieldsOf<Body> = readonly (FieldSpec & { name: (keyof Body & string) | `${keyof Body & string}/${string}` })[];

const timezone = textKind({ source: "timezones" });
const address = partsKind({
  streetNumber: textKind(),
  street: textKind(),
  postalCode: textKind(),
  city: textKind(),
  country: textKind(),
});
const contact = partsKind({ name: textKind(), email: textKind(), phone: textKind() });

const sites: FieldsOf<Schemas["SiteCreate"]> = [
  { name: "name", kind: textKind(), isRequired: true },
  { name: "key", kind: textKind() },
  { name: "type", kind: textKind({ source: "sites.type" }) },
  { name: "tags", kind: listKind("sites.tags") },
  { name: "description", kind: textKind({ isLong: true }), isWide: true },
  { name: "active", kind: flagKind },
  { name: "online", kind: flagKind },
];
const sitePlace: FieldsOf<Schemas["SiteCreate"]> = [
  { name: "address", kind: address, isWide: true, isOffline: true },
  { name: "coordinates", kind: positionKind, isDouble: true, isOffline: true },
  { name: "radius", kind: numberKind, isOffline: true },
];
const siteOpenings: FieldsOf<Schemas["SiteCreate"]> = [{ name: "openings", kind: openingsKind, isWide: true }];
const siteMore: FieldsOf<Schemas["SiteCreate"]> = [
  { name: "attributes", kind: namedValuesKind, isWide: true },
  { name: "capacity", kind: numberKind },
  { name: "level", kind: numberKind },
  { name: "timezone", kind: timezone },
  { name: "phoneNumber", kind: textKind({ type: "tel" }) },
];
const siteRare: FieldsOf<Schemas["SiteCreate"]> = [
  { name: "keys", kind: listKind() },
  { name: "parent", kind: textKind(), isOffline: true },
  { name: "deliveryContact", kind: contact, isWide: true },
  { name: "geometry", kind: geometryKind, isWide: true, isOffline: true },
];

const pois: FieldsOf<Schemas["PoiCreate"]> = [
  { name: "name", kind: textKind(), isRequired: true },
  { name: "key", kind: textKind() },
  { name: "type", kind: textKind() },
  { name: "tags", kind: listKind() },
  { name: "description", kind: textKind({ isLong: true }), isWide: true },
  { name: "active", kind: flagKind },
];
const poiPlace: FieldsOf<Schemas["PoiCreate"]> = [
  { name: "coordinates", kind: positionKind, isDouble: true, isRequired: true },
  { name: "radius", kind: numberKind },
];
const poiMore: FieldsOf<Schemas["PoiCreate"]> = [
  { name: "sites", kind: referencesKind("sites"), isWide: true },
  { name: "attributes", kind: namedValuesKind, isWide: true },
  { name: "timezone", kind: timezone },
];
const poiRare: FieldsOf<Schemas["PoiCreate"]> = [
  { name: "parent", kind: textKind() },
  { name: "address", kind: address, isWide: true },
  { name: "geometry", kind: geometryKind, isWide: true },
];

const campaigns: FieldsOf<Schemas["CampaignUpdate"]> = [
  { name: "name", kind: textKind() },
  { name: "key", kind: textKind(), isRequired: true },
  { name: "from", kind: dayKind },
  { name: "to", kind: dayKind },
  { name: "provider", kind: textKind({ source: "campaigns.provider" }) },
  { name: "agency", kind: textKind({ source: "campaigns.agency" }) },
  { name: "format", kind: textKind({ source: "campaigns.format" }) },
  { name: "tags", kind: listKind("campaigns.tags"), isForStored: true },
  { name: "description", kind: textKind({ isLong: true }), isWide: true },
];
const campaignCosts: FieldsOf<Schemas["CampaignUpdate"]> = [
  {
    name: "costs",
    isWide: true,
    kind: rowsKind(
      {
        amount: numberKind,
        type: choiceKind(["fixed", "cpm", "cpc", "cpo"]),
        from: dayKind,
        to: dayKind,
        currency: textKind({ source: "currencies" }),
      },
      { type: "fixed" },
    ),
  },
];
const campaignSites: FieldsOf<Schemas["CampaignUpdate"]> = [
  { name: "sites", kind: referencesKind("sites"), isWide: true },
];
const campaignMore: FieldsOf<Schemas["CampaignUpdate"]> = [
  { name: "extra", kind: namedValuesKind, isWide: true },
  {
    name: "windows",
    kind: partsKind({ click: numberKind, print: numberKind, opening: numberKind }),
    isWide: true,
  },
];

const levers: FieldsOf<Schemas["LeverUpdate"]> = [
  { name: "name", kind: textKind() },
  { name: "key", kind: textKind(), isRequired: true },
  { name: "position", kind: numberKind },
  { name: "trigger", kind: flagKind },
];
const leverMatch: FieldsOf<Schemas["LeverUpdate"]> = [
  {
    name: "match",
    isWide: true,
    kind: partsKind({
      format: listKind("campaigns.format"),
      provider: listKind("campaigns.provider"),
      agency: listKind("campaigns.agency"),
    }),
  },
];

const studies: FieldsOf<Schemas["StudyUpdate"]> = [
  { name: "name", kind: textKind() },
  { name: "key", kind: textKind(), isRequired: true },
  { name: "from", kind: dayKind },
  { name: "to", kind: dayKind },
  { name: "tags", kind: listKind(), isForStored: true },
  { name: "description", kind: textKind({ isLong: true }), isWide: true },
];
const studyPlaces: FieldsOf<Schemas["StudyUpdate"]> = [
  { name: "sites", kind: referencesKind("sites"), isWide: true },
  { name: "pois", kind: referencesKind("pois"), isWide: true },
];
const studyMore: FieldsOf<Schemas["StudyUpdate"]> = [{ name: "extra", kind: namedValuesKind, isWide: true }];

const equipments: FieldsOf<Schemas["EquipmentUpdate"]> = [
  { name: "name", kind: textKind() },
  { name: "key", kind: textKind(), isRequired: true },
  { name: "type", kind: textKind() },
  { name: "active", kind: flagKind },
];

const users: FieldsOf<Schemas["MemberAnswer"]> = [
  { name: "login", kind: textKind({ type: "email" }), isRequired: true, isFixed: true },
  { name: "name", kind: textKind(), isFixed: true },
  { name: "role", kind: choiceKind(["reader", "editor", "admin"]), isRequired: true },
];
const userState: FieldsOf<Schemas["MemberAnswer"]> = [{ name: "disabled", kind: flagKind, isForStored: true }];

const keys: FieldsOf<Schemas["KeyCreate"]> = [
  { name: "name", kind: textKind(), isRequired: true },
  { name: "role", kind: choiceKind(["reader", "editor", "admin"], { isOptional: true }) },
  { name: "expiresAt", kind: lastDayKind },
  { name: "survivesPasswordChange", kind: flagKind },
  { name: "applications", kind: applicationsKind, isWide: true },
];

const application: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "name", kind: textKind(), isRequired: true },
  { name: "key", kind: textKind(), isRequired: true, isForPlatformAdmins: true },
  { name: "timezone", kind: timezone, isRequired: true },
  { name: "currency", kind: textKind({ source: "currencies" }), isRequired: true },
  { name: "settings/country", kind: textKind() },
];
const calendar: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "settings/calendar/weekStart", kind: choiceKind(WEEKDAYS, { isOptional: true }) },
  { name: "settings/calendar/fiscalYearStart", kind: textKind() },
  { name: "settings/calendar/retail", kind: choiceKind(["4-5-4", "4-4-5", "5-4-4"], { isOptional: true }) },
  { name: "settings/calendar/yearEnds", kind: textKind() },
];
const attribution: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "settings/attribution/windows/click", kind: numberKind },
  { name: "settings/attribution/windows/print", kind: numberKind },
  { name: "settings/attribution/windows/opening", kind: numberKind },
];
const stays: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "settings/stays/overlap", kind: choiceKind(["nearest", "every"]) },
  { name: "settings/stays/snapMeters", kind: numberKind },
  { name: "settings/stays/gapMinutes", kind: numberOrWordKind },
  { name: "settings/stays/endAfterElsewhere", kind: numberKind },
  { name: "settings/stays/minimumShare", kind: numberKind },
  { name: "settings/stays/minimumSeconds", kind: numberKind },
  { name: "settings/stays/walkingSpeed", kind: numberKind },
  { name: "settings/stays/dwell", kind: choiceKind(["observed", "expected"]) },
  { name: "settings/stays/maximumAccuracy", kind: numberKind },
  { name: "settings/stays/maximumSpeed", kind: numberKind },
  { name: "settings/stays/ignoreJumps", kind: flagKind },
];
const presence: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "settings/presence/gapMinutes", kind: numberKind },
  { name: "settings/presence/dropoutSeconds", kind: numberKind },
];
const bands: FieldsOf<Schemas["ApplicationUpdate"]> = [
  { name: "settings/bands/dwell", kind: numbersKind },
  { name: "settings/bands/distance", kind: numbersKind },
  { name: "settings/bands/visits", kind: numbersKind },
  { name: "settings/bands/delay", kind: numbersKind },
  { name: "settings/bands/gap", kind: numbersKind },
  { name: "settings/bands/basket", kind: numbersKind },
];

export const GROUPS = {
  sites: [
    { name: "general", fields: sites },
    { name: "place", fields: sitePlace, hasMap: true },
    { name: "openings", fields: siteOpenings },
    { name: "more", fields: siteMore },
    { name: "rare", fields: siteRare, isRare: true },
  ],
  pois: [
    { name: "general", fields: pois },
    { name: "place", fields: poiPlace, hasMap: true },
    { name: "more", fields: poiMore },
    { name: "rare", fields: poiRare, isRare: true },
  ],
  campaigns: [
    { name: "general", fields: campaigns },
    { name: "costs", fields: campaignCosts },
    { name: "sites", fields: campaignSites },
    { name: "more", fields: campaignMore },
  ],
  levers: [
    { name: "general", fields: levers },
    { name: "match", fields: leverMatch },
  ],
  studies: [
    { name: "general", fields: studies },
    { name: "places", fields: studyPlaces },
    { name: "more", fields: studyMore, isRare: true },
  ],
  equipments: [{ name: "general", fields: equipments }],
  users: [
    { name: "general", fields: users },
    { name: "state", fields: userState },
  ],
  keys: [{ name: "general", fields: keys }],
  application: [
    { name: "general", fields: application },
    { name: "calendar", fields: calendar },
    { name: "attribution", fields: attribution },
    { name: "stays", fields: stays },
    { name: "presence", fields: presence },
    { name: "bands", fields: bands, isRare: true },
  ],
} satisfies Record<string, readonly FieldGroup[]>;

export type SectionName = keyof typeof GROUPS;
