import { useApplication } from "~/application";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";

import { SITE_RADII_PX } from "./features";
import { DEFINITIONS, type FigureId } from "./rows";
import { type ColourScale, pickColour, pickLegendValues, pickRadius } from "./scales";

interface Props {
  figure: FigureId;
  isChange: boolean;
  siteScale: ColourScale;
  /** Value of the largest circles. */
  most: number;
  homes: { title: string; scale: ColourScale } | undefined;
  hasCells: boolean;
  /** Points of interest: shown, shown only when zoomed in, or switched off. */
  pois: "shown" | "zoom" | "off";
}

/** What sizes and colours on the map mean. */
export function MapLegend({ figure, isChange, siteScale, most, homes, hasCells, pois }: Props) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { comparison } = useFrameState();
  const { unit } = DEFINITIONS[figure];
  const name = texts.map.figures[figure];
  const short = (value: number) => formats.short(value, unit, currency);
  const values = pickLegendValues(most);
  return (
    <div class="map-legend" role="group" aria-label={texts.map.legend}>
      {values.length ? (
        <div class="map-legend-part">
          <span>{name}</span>
          <span class="map-legend-sizes">
            {values.map((value) => {
              const radius = pickRadius(value, most, SITE_RADII_PX);
              return (
                <span key={value} class="map-legend-size">
                  <svg width={2 * radius + 2} height={2 * radius + 2} aria-hidden="true">
                    <circle
                      cx={radius + 1}
                      cy={radius + 1}
                      r={radius}
                      fill={isChange ? "none" : pickColour(siteScale, value)}
                    />
                  </svg>
                  {short(value)}
                </span>
              );
            })}
            {isChange ? null : <Gradient scale={siteScale} format={short} />}
          </span>
        </div>
      ) : null}
      {isChange && siteScale.most > 0 ? (
        <div class="map-legend-part">
          <span>{texts.map.changeOf(name, otherPeriodName(comparison, texts.overview.than, formats))}</span>
          <Gradient scale={siteScale} format={(value) => formats.change(value, "relative")} />
        </div>
      ) : null}
      {homes ? (
        <div class="map-legend-part">
          <span>{homes.title}</span>
          <Gradient scale={homes.scale} format={(value) => formats.short(value, "n")} />
        </div>
      ) : null}
      {pois === "off" ? null : (
        <div class="map-legend-part map-legend-key">
          {pois === "shown" ? (
            <>
              <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
                <path d="M8 1 15 8 8 15 1 8Z" class="map-legend-poi" />
              </svg>
              {texts.map.groups.pois}
            </>
          ) : (
            <span class="muted">{texts.map.zoomForPois}</span>
          )}
        </div>
      )}
      {hasCells ? (
        <div class="map-legend-part map-legend-key">
          <span class="map-legend-cell map-legend-indoor" aria-hidden="true" />
          {texts.map.indoor}
          <span class="map-legend-cell map-legend-outdoor" aria-hidden="true" />
          {texts.map.outdoor}
        </div>
      ) : null}
    </div>
  );
}

function Gradient({ scale, format }: { scale: ColourScale; format: (value: number) => string }) {
  const { texts } = useLanguage();
  const [least, most] = [format(scale.least), format(scale.most)];
  return (
    <span class="map-legend-scale">
      <span>{scale.least < 0 && scale.isCut ? texts.map.orLess(least) : least}</span>
      <span
        class="map-legend-bar"
        style={{ background: `linear-gradient(to right, ${scale.colours.join(", ")})` }}
        aria-hidden="true"
      />
      <span>{scale.isCut ? texts.map.orMore(most) : most}</span>
    </span>
  );
}
