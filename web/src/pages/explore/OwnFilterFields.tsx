import { Plus, X } from "lucide-preact";
import { useState } from "preact/hooks";

import { filterName } from "~/frame/FilterBar";
import { FilterDialog } from "~/frame/FilterDialog";
import { useLanguage } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { SelectField } from "~/ui/Field";

import { DAY_FILTERS, parseHours, TIME_FILTERS } from "./question";
import type { ExploreState, OwnFilters } from "./state";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const WEEKDAYS = ["1", "2", "3", "4", "5", "6", "7"];
const ZONES = ["A", "B", "C"];

interface Props {
  state: ExploreState;
  /** Names of resources by key and by id. */
  resources: ReadonlyMap<string, string>;
  changeOwn: (own: OwnFilters) => void;
}

/** Filters of the question alone: days, hours, and values of other fields. */
export function OwnFilterFields({ state, resources, changeOwn }: Props) {
  const { texts } = useLanguage();
  const { explore } = texts;
  const { own } = state;
  const [isAdding, setAdding] = useState(false);
  const isFirstOpen = useState(() => Object.keys({ ...own.included, ...own.excluded }).length > 0)[0];
  const values = [
    ...Object.entries(own.included).filter(([name]) => ![...DAY_FILTERS, ...TIME_FILTERS].includes(name)),
    ...Object.entries(own.excluded),
  ];
  return (
    <details class="question-only" open={isFirstOpen}>
      <summary>{explore.filters}</summary>
      <div class="stack">
        <p class="field-hint">{explore.filtersHint}</p>
        <DayFields state={state} changeOwn={changeOwn} />
        <HourFields state={state} changeOwn={changeOwn} />
        {values.length ? (
          <div class="row">
            {values.flatMap(([name, list]) => {
              const isExcluded = list === own.excluded[name];
              return list.map((value) => {
                const label = `${isExcluded ? `${explore.except} – ` : ""}${filterName(name, texts.filters)}${texts.filters.colon} ${resources.get(value) ?? value}`;
                return (
                  <span class="chip" key={`${name} ${value}`}>
                    {label}
                    <button
                      type="button"
                      aria-label={explore.removeFilter(label)}
                      onClick={() => {
                        const rest = list.filter((other) => other !== value);
                        changeOwn(
                          isExcluded
                            ? { ...own, excluded: { ...own.excluded, [name]: rest } }
                            : { ...own, included: { ...own.included, [name]: rest } },
                        );
                      }}
                    >
                      <X size={14} aria-hidden="true" />
                    </button>
                  </span>
                );
              });
            })}
          </div>
        ) : null}
        <Button
          icon={<Plus size={16} aria-hidden="true" />}
          onClick={() => {
            setAdding(true);
          }}
        >
          {explore.addValues}
        </Button>
      </div>
      {isAdding ? (
        <FilterDialog
          other={{
            module: state.module,
            included: own.included,
            excluded: own.excluded,
            onApply: (name, chosen, isExcluded) => {
              const without = (filters: Record<string, string[]>) =>
                Object.fromEntries(Object.entries(filters).filter(([other]) => other !== name));
              const [included, excluded] = [without(own.included), without(own.excluded)];
              (isExcluded ? excluded : included)[name] = [...chosen];
              changeOwn({ included, excluded });
            },
          }}
          onClose={() => {
            setAdding(false);
          }}
        />
      ) : null}
    </details>
  );
}

type FieldProps = Pick<Props, "state" | "changeOwn">;

function DayFields({ state: { own }, changeOwn }: FieldProps) {
  const { texts, formats } = useLanguage();
  const { explore } = texts;
  const put = (name: string, chosen: string[]) => {
    changeOwn({ ...own, included: { ...own.included, [name]: chosen } });
  };
  const weekdays = own.included["weekdays"] ?? [];
  return (
    <>
      <fieldset class="weekdays">
        <legend class="field-label">{explore.weekdays}</legend>
        {WEEKDAYS.map((weekday) => (
          <label key={weekday} title={formats.weekday(Number(weekday))}>
            <input
              type="checkbox"
              checked={weekdays.includes(weekday)}
              aria-label={formats.weekday(Number(weekday))}
              onChange={(event) => {
                const isChecked = event.currentTarget.checked;
                put("weekdays", isChecked ? [...weekdays, weekday].sort() : weekdays.filter((one) => one !== weekday));
              }}
            />
            <span aria-hidden="true">{formats.weekday(Number(weekday), "short")}</span>
          </label>
        ))}
      </fieldset>
      <SelectField
        label={explore.publicHolidays}
        value={own.included["publicHolidays"]?.[0] ?? "any"}
        options={(["any", "yes", "no"] as const).map((value) => ({ value, label: explore.holidays[value] }))}
        onChange={(value) => {
          put("publicHolidays", value === "any" ? [] : [value]);
        }}
      />
      <SelectField
        label={explore.schoolHolidays}
        value={own.included["schoolHolidays"]?.join(" ") ?? "any"}
        options={[
          { value: "any", label: explore.holidays.any },
          { value: ZONES.join(" "), label: explore.holidays.yes },
          ...ZONES.map((value) => ({ value, label: explore.zone(value) })),
          { value: "no", label: explore.holidays.no },
        ]}
        onChange={(value) => {
          put("schoolHolidays", value === "any" ? [] : value.split(" "));
        }}
      />
    </>
  );
}

function HourFields({ state, changeOwn }: FieldProps) {
  const { texts, formats } = useLanguage();
  const { explore } = texts;
  const { own } = state;
  const hasHours = state.kpi.granularities["histogram"]?.includes("hour") === true;
  const hours = parseHours(own.included["hours"]?.[0]);
  const [from, to] = [hours[0] ?? 0, (hours.at(-1) ?? 23) + 1];
  const put = (name: string, chosen: string[]) => {
    changeOwn({ ...own, included: { ...own.included, [name]: chosen } });
  };
  const putHours = (first: number, end: number) => {
    put("hours", first === 0 && end === 24 ? [] : [`${first}-${Math.max(first, end - 1)}`]);
  };
  if (!hasHours) return <p class="field-hint">{explore.noHours}</p>;
  return (
    <>
      <fieldset class="hours">
        <legend class="field-label">{explore.hours}</legend>
        <SelectField
          label={explore.fromHour}
          value={String(from)}
          options={HOURS.map((hour) => ({ value: String(hour), label: formats.hour(hour) }))}
          onChange={(value) => {
            putHours(Number(value), Math.max(to, Number(value) + 1));
          }}
        />
        <SelectField
          label={explore.toHour}
          value={String(to)}
          options={HOURS.map((hour) => ({
            value: String(hour + 1),
            label: hour === 23 ? explore.midnight : formats.hour(hour + 1),
            disabled: hour < from,
          }))}
          onChange={(value) => {
            putHours(from, Number(value));
          }}
        />
      </fieldset>
      <label class="question-check">
        <input
          type="checkbox"
          checked={own.included["opening"]?.[0] === "yes"}
          onChange={(event) => {
            put("opening", event.currentTarget.checked ? ["yes"] : []);
          }}
        />
        {explore.opening}
      </label>
    </>
  );
}
