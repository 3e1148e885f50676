import { useLanguage } from "~/i18n/language";
import { useQuery } from "~/state/location";
import { Segmented } from "~/ui/Segmented";

import { type Model, MODELS } from "./campaignRows";

/** Choice of the attribution model, kept in the URL. */
export function ModelChoice({ model }: { model: Model }) {
  const { texts } = useLanguage();
  const [, change] = useQuery();
  return (
    <Segmented
      label={texts.campaigns.model}
      value={model}
      options={MODELS.map((value) => ({ value, label: texts.campaigns.models[value] }))}
      onChange={(value) => {
        change({ model: value });
      }}
    />
  );
}

/** Choice between figures extrapolated to the population and users as they were counted. */
export function UpliftChoice() {
  const { texts } = useLanguage();
  const [params, change] = useQuery();
  return (
    <Segmented
      label={texts.campaigns.uplift}
      value={params.get("uplift") === "false" ? "false" : "true"}
      options={(["true", "false"] as const).map((value) => ({ value, label: texts.campaigns.uplifts[value] }))}
      onChange={(value) => {
        change({ uplift: value === "true" ? null : value });
      }}
    />
  );
}
