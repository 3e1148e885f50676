import { Funnel, FunnelX, Hexagon, X } from "lucide-preact";

import { useApplication } from "~/application";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";
import { Button } from "~/ui/Button";
import { Change } from "~/ui/Change";
import { Skeleton } from "~/ui/Loading";

import type { Catchment } from "./catchment";
import { DEFINITIONS, type FigureId, type SiteRow } from "./rows";

interface Props {
  site: SiteRow;
  figure: FigureId;
  catchment: Catchment | undefined;
  isLoading: boolean;
  cells: { indoor: number; outdoor: number };
  onZones: (() => void) | undefined;
  onClose: () => void;
}

/** The site that is selected: its figure, where its visitors live, and what can be done with it. */
export function SiteDetail({ site, figure, catchment, isLoading, cells, onZones, onClose }: Props) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { comparison, filters, setFilters } = useFrameState();
  const isFilter = filters["sites"]?.length === 1 && filters["sites"][0] === site.key;
  const metres = (share: number) =>
    formats.short(catchment?.radii.find((radius) => radius.share === share)?.radiusM, "m");

  return (
    <section class="card map-detail" aria-label={site.name}>
      <div class="map-detail-head">
        <div>
          <h2>{site.name}</h2>
          {site.city ? <p class="muted">{site.city}</p> : null}
        </div>
        <Button kind="plain" icon={<X size={18} aria-hidden="true" />} label={texts.map.deselect} onClick={onClose} />
      </div>
      <p class="map-detail-figure">
        <span>{texts.map.figures[figure]}</span>
        <strong>{formats.exact(site.value, DEFINITIONS[figure].unit, currency)}</strong>
        {comparison === "none" ? null : (
          <Change
            value={site.change}
            kind="relative"
            than={otherPeriodName(comparison, texts.overview.than, formats)}
          />
        )}
      </p>
      <div aria-live="polite" aria-busy={isLoading}>
        {!site.position ? (
          <p>{texts.map.noPosition}</p>
        ) : isLoading ? (
          <Skeleton height={84} />
        ) : catchment ? (
          <>
            <p class="map-detail-catchment">
              {metres(0.5) === metres(0.8)
                ? texts.map.catchmentOfOne(formats.share(0.8), metres(0.8))
                : texts.map.catchment(metres(0.5), formats.share(0.8), metres(0.8))}
            </p>
            <p class="muted map-small">
              {texts.map.catchmentBasis(
                formats.short(catchment.located, "n"),
                formats.short(catchment.total, "n"),
                formats.share(catchment.located / catchment.total),
              )}
            </p>
          </>
        ) : (
          <p class="muted">{texts.map.noCatchment}</p>
        )}
      </div>
      {cells.indoor + cells.outdoor ? (
        <p class="muted map-small">{texts.map.cells(formats.count(cells.indoor), formats.count(cells.outdoor))}</p>
      ) : null}
      <div class="row no-print">
        <Button
          icon={isFilter ? <FunnelX size={16} aria-hidden="true" /> : <Funnel size={16} aria-hidden="true" />}
          onClick={() => {
            setFilters({ ...filters, sites: isFilter ? [] : [site.key] });
          }}
        >
          {isFilter ? texts.map.unfilter : texts.map.filter}
        </Button>
        {onZones ? (
          <Button icon={<Hexagon size={16} aria-hidden="true" />} onClick={onZones}>
            {texts.map.zones}
          </Button>
        ) : null}
      </div>
    </section>
  );
}
