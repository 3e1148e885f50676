import { useEffect, useMemo, useRef } from "preact/hooks";
import { Link, Redirect, useLocation } from "wouter-preact";

import { useResources } from "~/api/resources";
import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { keptQuery, pagePath, useQuery } from "~/state/location";
import { SelectField } from "~/ui/Field";
import { Loaded } from "~/ui/Loading";

import type { SectionName } from "./fields";
import { ItemPage } from "./ItemPage";
import { SectionList } from "./SectionList";
import { type Place, SECTIONS } from "./sections";

import "./manage.css";

const NAMES = Object.keys(SECTIONS) as SectionName[];

/** Lists and forms of what an application knows: sites, campaigns, users and the like. */
export function ManagePage() {
  const { manage } = useTexts();
  const { key } = useApplication();
  const [params] = useQuery();
  const [path] = useLocation();
  const [name = "", item] = path.split("/").slice(4).map(decodeURIComponent);
  const site = params.get("site");
  const place = useMemo<Place>(() => ({ application: key, site }), [key, site]);
  const query = keptQuery(params);
  const sections = useRef<HTMLElement>(null);
  useEffect(() => {
    const current = sections.current?.querySelector("[aria-current]"); // the row of sections is scrolled on phones
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [name]);

  if (!Object.hasOwn(SECTIONS, name)) return <Redirect to={pagePath(key, "manage/sites") + query} replace />;
  const section = SECTIONS[name as SectionName];

  function pathOf(id?: string): string {
    const own = new URLSearchParams(query);
    if (section.name === "equipments" && site) own.set("site", site);
    const text = own.toString();
    const suffix = id === undefined ? "" : `/${encodeURIComponent(id)}`;
    return `${pagePath(key, `manage/${section.name}`)}${suffix}${text ? `?${text}` : ""}`;
  }

  return (
    <div class="manage">
      <nav ref={sections} class="manage-sections no-print" aria-label={manage.sectionsLabel}>
        {NAMES.map((one) => (
          <Link
            key={one}
            href={pagePath(key, `manage/${one}`) + query}
            class="manage-section"
            aria-current={one === section.name ? "page" : undefined}
          >
            {manage.sections[one]}
          </Link>
        ))}
      </nav>
      <div class="stack manage-content">
        {section.name === "equipments" && item === undefined ? <SitePicker site={site} /> : null}
        {section.name === "application" ? (
          <ItemPage section={section} place={place} item="" pathOf={() => pagePath(key, "manage/application")} />
        ) : section.name === "equipments" && !site ? null : item === undefined ? (
          <SectionList key={`${section.name} ${site ?? ""}`} section={section} place={place} pathOf={pathOf} />
        ) : (
          <ItemPage
            key={`${section.name} ${item}`}
            section={section}
            place={place}
            item={item === "new" ? null : item}
            pathOf={pathOf}
          />
        )}
      </div>
    </div>
  );
}

/** Choice of the site whose equipments are shown. */
function SitePicker({ site }: { site: string | null }) {
  const { manage } = useTexts();
  const [, change] = useQuery();
  const sites = useResources("sites");
  return (
    <Loaded remote={sites} height={64}>
      {({ documents }) => (
        <div class="manage-tools">
          <SelectField
            label={manage.siteOfEquipments}
            value={site ?? ""}
            options={[
              { value: "", label: manage.chooseSite },
              ...[...documents]
                .sort((a, b) => a.name.localeCompare(b.name))
                .map(({ _id, name }) => ({ value: _id, label: name })),
            ]}
            onChange={(next) => {
              change({ site: next || null, q: null, page: null });
            }}
          />
        </div>
      )}
    </Loaded>
  );
}
