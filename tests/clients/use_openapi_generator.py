"""Use the client of OpenAPI Generator as its documentation shows: log in, create a site, ingest events, and ask."""

import sys
from datetime import date

import openapi_client as okube  # type: ignore[import-not-found]

EVENTS = [("ann", "10:00"), ("ann", "10:10"), ("ben", "11:00"), ("ben", "11:20")]


def main(address: str, login: str, password: str, application: str) -> None:
    """Ask for the visitors of a new site."""
    configuration = okube.Configuration(host=address)
    with okube.ApiClient(configuration) as client:
        answer = okube.AuthenticationApi(client).log_in(okube.Login(login=login, password=password))
        assert answer.success is True
        configuration.access_token = answer.auth.token

        sites = okube.SitesApi(client)
        site = sites.create_site(
            okube.SiteCreate(app=application, key="bakery", name="Bakery", online=False, coordinates=[2.35, 48.85])
        )
        assert sites.get_site(site.id).name == "Bakery"
        sites.create_equipment(application, site.id, okube.EquipmentCreate(key="oven"))
        assert sites.list_sites(app=application).documents[0].id == site.id

        ingest = okube.IngestApi(client)
        events = [{"device": device, "equipment": "oven", "at": f"2024-05-03T{time}:00Z"} for device, time in EVENTS]
        batch = ingest.ingest_events("detections", application, events)
        assert (batch.state, batch.accepted, batch.rejected) == ("visible", 4, 0)

        campaign = okube.CampaignCreateInApplication(key="spring", **{"from": "2024-05-01"}, to="2024-05-31")
        body = okube.CreateCampaignInApplicationRequest(campaign)
        assert okube.CampaignsApi(client).create_campaign_in_application(application, body)

        query = okube.PresenceQuery(
            params=[okube.PresenceParam(kpi="uniqUsers", sites=okube.ConversionParamSites(True))]
        )
        results = okube.AnalyticsApi(client).query_presence(
            application, query, var_from=date(2024, 5, 1), to=date(2024, 5, 31)
        )
        overall, by_site = results.actual_instance
        assert overall.data["all"] == 2
        assert by_site.data[site.id]["all"] == 2


if __name__ == "__main__":
    main(*sys.argv[1:])
