import { useQuery } from "~/state/location";

import { CampaignDetail } from "./CampaignDetail";
import { CampaignList } from "./CampaignList";

import "./campaigns.css";

/** Campaigns with what they cost and brought; one of them in detail when the URL names it. */
export function CampaignsPage() {
  const [params] = useQuery();
  const campaign = params.get("campaign");
  return campaign === null ? <CampaignList /> : <CampaignDetail campaign={campaign} />;
}
