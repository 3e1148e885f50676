/** Kinds of fields of a form: how each is read and written, and its input. */
import type { ComponentType } from "preact";

import type { Fields } from "~/api/documents";
import type { Texts } from "~/i18n/en";

import {
  type Codec,
  flag,
  geometry,
  lastDay,
  list,
  namedValues,
  number,
  numbers,
  openings,
  parts,
  position,
  rows,
  text,
} from "./codecs";
import { ApplicationsInput } from "./inputs/ApplicationsInput";
import { ListInput } from "./inputs/ListInput";
import { NamedValuesInput } from "./inputs/NamedValuesInput";
import { OpeningsInput } from "./inputs/OpeningsInput";
import { PartsInput } from "./inputs/PartsInput";
import { PositionInput } from "./inputs/PositionInput";
import { ReferencesInput } from "./inputs/ReferencesInput";
import { RowsInput } from "./inputs/RowsInput";
import { ChoiceInput, FlagInput, TextInput } from "./inputs/simple";
import type { Source } from "./inputs/suggestions";

export interface InputProps<Draft> {
  label: string;
  hint?: string | undefined;
  required?: boolean | undefined;
  isDisabled: boolean;
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** Return the server's message about the field, or about a part of it such as `0/amount`. */
  errorAt: (part?: string) => string | undefined;
}

export interface Kind {
  codec: Codec<unknown>;
  Input: ComponentType<InputProps<unknown>>;
}

export type PartName = keyof Texts["manage"]["parts"];
export type ChoiceName = keyof Texts["manage"]["choices"];

function makeKind<Draft>(codec: Codec<Draft>, Input: ComponentType<InputProps<Draft>>): Kind {
  return { codec: codec as Codec<unknown>, Input: Input as unknown as ComponentType<InputProps<unknown>> };
}

function codecsOf(kinds: Partial<Record<PartName, Kind>>): Record<string, Codec<unknown>> {
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, kind.codec]));
}

/** Text; `source`: values to suggest. */
export function textKind(options: { type?: string; isLong?: boolean; source?: Source } = {}): Kind {
  return makeKind<string>(text, (props) => <TextInput {...props} {...options} />);
}

export const dayKind = textKind({ type: "date" });
export const lastDayKind = makeKind<string>(lastDay, (props) => <TextInput {...props} type="date" />);
export const numberKind = makeKind<string>(number, (props) => <TextInput {...props} inputMode="decimal" />);
/** Number or a word, such as `auto`. */
export const numberOrWordKind = makeKind<string>(number, TextInput);
export const numbersKind = makeKind<string>(numbers, TextInput);
export const flagKind = makeKind<boolean>(flag, FlagInput);
export const positionKind = makeKind(position, PositionInput);
export const geometryKind = makeKind<string>(geometry, (props) => <TextInput {...props} isLong />);
export const openingsKind = makeKind<Fields>(openings, OpeningsInput);
export const namedValuesKind = makeKind(namedValues, NamedValuesInput);
export const applicationsKind = makeKind(list, ApplicationsInput);

/** Choice of one; the empty one means none, where there may be none. */
export function choiceKind(options: readonly ChoiceName[], { isOptional = false } = {}): Kind {
  return makeKind<string>(text, (props) => <ChoiceInput {...props} options={options} isOptional={isOptional} />);
}

/** Texts, each once; `source`: values to suggest. */
export function listKind(source?: Source): Kind {
  return makeKind<string[]>(list, (props) => <ListInput {...props} source={source} />);
}

/** Ids of other resources, chosen by search. */
export function referencesKind(resources: "sites" | "pois"): Kind {
  return makeKind<string[]>(list, (props) => <ReferencesInput {...props} resources={resources} />);
}

/** Object with parts. */
export function partsKind(kinds: Partial<Record<PartName, Kind>>): Kind {
  return makeKind<Fields>(parts(codecsOf(kinds)), (props) => <PartsInput {...props} kinds={kinds} />);
}

/** List of objects with the same parts; `initial`: what a new one has. */
export function rowsKind(kinds: Partial<Record<PartName, Kind>>, initial: Fields): Kind {
  const codecs = codecsOf(kinds);
  return makeKind<Fields[]>(rows(codecs), (props) => (
    <RowsInput {...props} kinds={kinds} initial={parts(codecs).read(initial)} />
  ));
}
