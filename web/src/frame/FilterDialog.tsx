import { useMemo, useState } from "preact/hooks";

import type { Module } from "~/api/questions";
import { useResources } from "~/api/resources";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { type Filters, hasFilter } from "~/state/filters";
import { useFrameState } from "~/state/location";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { SelectField, TextField } from "~/ui/Field";
import { ErrorNotice } from "~/ui/Notice";

import { filterName } from "./FilterBar";
import { type Choice, fieldValues, filterNames, filterSource, searchChoices, weekdayChoices } from "./filterChoices";

/** Filters other than those at the top of the page. */
export interface OtherFilters {
  /** Only filters of this module can be chosen. */
  module: Module;
  included: Filters;
  excluded: Filters;
  onApply: (name: string, values: readonly string[], isExcluded: boolean) => void;
}

const FRAME_ONLY = ["weekdays"]; // pages with filters of their own have more about days

/** Choice of what to filter by, and of its values; `other`: for a question alone instead of the whole page. */
export function FilterDialog({ onClose, other }: { onClose: () => void; other?: OtherFilters }) {
  const { texts, formats } = useLanguage();
  const { key } = useApplication();
  const { filters: frameFilters, setFilters } = useFrameState();
  const [name, setName] = useState("sites");
  const filters = other ? { ...other.included, ...other.excluded } : frameFilters;
  const [chosen, setChosen] = useState<readonly string[]>(filters["sites"] ?? []);
  const [isExcluded, setExcluded] = useState(other?.excluded["sites"] !== undefined);
  const [text, setText] = useState("");
  const sites = useResources("sites");
  const source = filterSource(name);
  const campaigns = useResources(name.startsWith("campaigns.") || other?.module === "conversion" ? "campaigns" : null);
  const isSearched = source !== "fields" && source !== "weekdays" && source !== "channels";
  const search = useRemote(isSearched ? JSON.stringify([key, source, text]) : null, (signal) =>
    searchChoices(key, source as "sites", text, signal),
  );

  const module = other?.module;
  const names = useMemo(() => {
    const all = filterNames(sites.data?.documents ?? [], campaigns.data?.documents);
    return module ? all.filter((one) => hasFilter(module, one) && !FRAME_ONLY.includes(one)) : all;
  }, [sites.data, campaigns.data, module]);
  const choices = useMemo<Choice[]>(() => {
    if (isSearched) return search.data ?? [];
    if (source === "weekdays") return weekdayChoices(formats);
    if (source === "channels")
      return ["offline", "online"].map((value) => ({
        value,
        label: value === "offline" ? texts.filters.offline : texts.filters.online,
      }));
    const all = fieldValues(name, sites.data?.documents ?? [], campaigns.data?.documents ?? []);
    return all.filter(({ label }) => label.toLocaleLowerCase().includes(text.toLocaleLowerCase()));
  }, [isSearched, search.data, source, formats, texts, name, sites.data, campaigns.data, text]);

  const isLoading = isSearched ? search.isLoading : sites.isLoading || campaigns.isLoading;
  const error = search.error ?? sites.error ?? campaigns.error;
  const missing = chosen.filter((value) => !choices.some((choice) => choice.value === value));
  return (
    <Dialog title={other ? texts.explore.addValues : texts.frame.addFilter} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (other) other.onApply(name, chosen, isExcluded);
          else setFilters({ ...filters, [name]: chosen });
          onClose();
        }}
      >
        <SelectField
          label={texts.filters.by}
          value={name}
          options={names.map((value) => ({ value, label: filterName(value, texts.filters) }))}
          onChange={(next) => {
            setName(next);
            setText("");
            setChosen(filters[next] ?? []);
            setExcluded(other?.excluded[next] !== undefined);
          }}
        />
        {source === "weekdays" || source === "channels" ? null : (
          <TextField label={texts.common.search} type="search" value={text} onInput={setText} />
        )}
        {error ? <ErrorNotice error={error} /> : null}
        <fieldset class="filter-choices" aria-busy={isLoading}>
          <legend class="visually-hidden">{filterName(name, texts.filters)}</legend>
          {[...missing.map((value) => ({ value, label: value })), ...choices].map(({ value, label }) => (
            <label key={value} class="filter-choice">
              <input
                type="checkbox"
                checked={chosen.includes(value)}
                onChange={(event) => {
                  const isChecked = event.currentTarget.checked;
                  setChosen(isChecked ? [...chosen, value] : chosen.filter((other) => other !== value));
                }}
              />
              {label}
            </label>
          ))}
          {!isLoading && !choices.length ? <p class="muted">{texts.filters.nothing}</p> : null}
        </fieldset>
        {other ? (
          <label class="filter-choice">
            <input
              type="checkbox"
              checked={isExcluded}
              onChange={(event) => {
                setExcluded(event.currentTarget.checked);
              }}
            />
            {texts.explore.exclude}
          </label>
        ) : null}
        <div class="row">
          <Button kind="main" type="submit">
            {texts.frame.apply}
          </Button>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
        </div>
      </form>
    </Dialog>
  );
}
