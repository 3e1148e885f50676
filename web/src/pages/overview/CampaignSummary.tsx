import { Link } from "wouter-preact";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { CampaignTable } from "~/pages/campaigns/CampaignTable";
import { parseModel } from "~/pages/campaigns/campaignRows";
import { ModelChoice } from "~/pages/campaigns/Choices";
import { useCampaignRows } from "~/pages/campaigns/useCampaignRows";
import { keptQuery, pagePath, useQuery } from "~/state/location";
import { Loaded } from "~/ui/Loading";

const SHOWN = 8;

/** What campaigns cost and brought, under an attribution model. */
export function CampaignSummary() {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const [params] = useQuery();
  const model = parseModel(params.get("model"));
  const remote = useCampaignRows("campaigns", { model });
  return (
    <section class="card">
      <div class="card-head">
        <h2>{texts.frame.campaigns}</h2>
        <ModelChoice model={model} />
      </div>
      <Loaded remote={remote} height={320}>
        {({ rows, total }) =>
          rows.length ? (
            <>
              <CampaignTable
                rows={rows}
                total={total}
                limit={SHOWN}
                initialSort="-visits"
                nameCell={(row) => (
                  <Link href={`${pagePath(key, "campaigns")}${linkQuery(params, { campaign: row.key })}`}>
                    {row.name}
                  </Link>
                )}
              />
              <p class="muted overview-hint">{texts.campaigns.modelHint}</p>
              <p>
                <Link href={`${pagePath(key, "campaigns")}${linkQuery(params, {})}`}>
                  {texts.overview.allCampaigns}
                </Link>
              </p>
            </>
          ) : (
            <p class="muted">{texts.campaigns.noneInPeriod}</p>
          )
        }
      </Loaded>
    </section>
  );
}

/** Return the query of a link to the page of campaigns: the frame's state, the model, and further parameters. */
function linkQuery(params: URLSearchParams, more: Record<string, string>): string {
  const query = new URLSearchParams(keptQuery(params));
  const model = params.get("model");
  if (model) query.set("model", model);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  const text = query.toString();
  return text ? `?${text}` : "";
}
