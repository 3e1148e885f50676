import { useLanguage } from "~/i18n/language";
import { useFrameState, useQuery } from "~/state/location";
import { Segmented } from "~/ui/Segmented";

import { type Group, GROUPS } from "./groups";
import { FIGURES } from "./rows";
import type { MapData } from "./useMapData";

/** Choice of the figure, its colour, and of what is drawn. */
export function MapControls({
  data,
  visible,
  isDrawable,
}: {
  data: MapData;
  visible: readonly Group[];
  isDrawable: boolean;
}) {
  const { texts } = useLanguage();
  const { comparison } = useFrameState();
  const [params, change] = useQuery();
  return (
    <div class="map-controls row no-print">
      <label class="row">
        <span class="visually-hidden">{texts.map.figure}</span>
        <select
          class="select map-figure"
          value={data.figure}
          onChange={(event) => {
            change({ figure: event.currentTarget.value });
          }}
        >
          {FIGURES.map((id) => (
            <option key={id} value={id}>
              {data.areSitesLoading || data.available.has(id)
                ? texts.map.figures[id]
                : texts.map.noFigure(texts.map.figures[id])}
            </option>
          ))}
        </select>
      </label>
      {comparison === "none" || !isDrawable ? null : (
        <div class="row">
          <span class="muted" aria-hidden="true">
            {texts.map.colour}
          </span>
          <Segmented
            label={texts.map.colour}
            value={params.get("colour") === "change" ? "change" : "value"}
            options={(["value", "change"] as const).map((value) => ({ value, label: texts.map.colours[value] }))}
            onChange={(value) => {
              change({ colour: value === "change" ? value : null });
            }}
          />
        </div>
      )}
      {isDrawable ? (
        <fieldset class="map-layers row">
          <legend class="visually-hidden">{texts.map.layers}</legend>
          {GROUPS.map((group) => (
            <label key={group} class="map-layer">
              <input
                type="checkbox"
                checked={visible.includes(group)}
                onChange={(event) => {
                  const isOn = event.currentTarget.checked;
                  const hidden = GROUPS.filter((one) => (one === group ? !isOn : !visible.includes(one)));
                  change({ hide: hidden.length ? hidden.join(",") : null });
                }}
              />
              {texts.map.groups[group]}
            </label>
          ))}
        </fieldset>
      ) : null}
    </div>
  );
}
