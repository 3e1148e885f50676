import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Change } from "~/ui/Change";

import type { Cube } from "./cube";
import { goodDirection } from "./good";
import { fieldName } from "./labels";
import type { Arrangement, Labels } from "./plotting";
import type { ExploreState } from "./state";

const MOST_ITEM_FIGURES = 5;

/** The whole in a few figures, each with its change. */
export function ResultFigures({
  cube,
  state,
  arrangement,
  labels,
}: {
  cube: Cube;
  state: ExploreState;
  arrangement: Arrangement;
  labels: Labels;
}) {
  const { texts, formats } = useLanguage();
  const { explore } = texts;
  const { currency } = useApplication();
  const { field, fields, items } = cube;
  const { place } = arrangement;
  const shown = [
    ...(field.shape === "items" && items.length <= MOST_ITEM_FIGURES && cube.kind !== "DIST"
      ? items.map(({ key, label }) => ({ field, label, place: { ...place, item: key } }))
      : []),
    ...fields
      .filter(({ shape }) => shape === "number")
      .map((one) => ({
        field: one,
        label: cube.kind === "N" ? explore.wholePeriod : fieldName(one.id, explore),
        place,
      })),
  ];
  if (!shown.length) return null;
  const [lowest, highest] =
    cube.kind === "CMP" ? [cube.read(place, "now", "lowest"), cube.read(place, "now", "highest")] : [null, null];
  const hasInterval = typeof lowest === "number" && typeof highest === "number";
  return (
    <>
      <dl class="result-figures">
        {shown.map((one) => {
          const value = cube.read(one.place, "now", one.field.id);
          const change = cube.read(one.place, "change", one.field.id);
          return (
            <div key={`${one.field.id} ${one.label}`}>
              <dt>{one.label}</dt>
              <dd>
                <span class="result-figure" title={formats.exact(value, one.field.unit, currency)}>
                  {formats.short(value, one.field.unit, currency)}
                </span>
                {cube.hasComparison && change !== undefined ? (
                  <Change
                    value={change}
                    kind={one.field.change}
                    than={labels.then}
                    good={goodDirection(state.kpi, one.field)}
                  />
                ) : null}
              </dd>
            </div>
          );
        })}
      </dl>
      {hasInterval ? <p>{lowest > 0 || highest < 0 ? explore.significant : explore.notSignificant}</p> : null}
    </>
  );
}
