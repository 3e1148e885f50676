"""Use the client of openapi-python-client as its documentation shows: log in, create a site, ingest events, and ask."""

import sys
from datetime import date

from okube_client import AuthenticatedClient, Client  # type: ignore[import-not-found]
from okube_client.api.analytics import query_presence  # type: ignore[import-not-found]
from okube_client.api.authentication import log_in  # type: ignore[import-not-found]
from okube_client.api.ingest import ingest_events  # type: ignore[import-not-found]
from okube_client.api.sites import create_equipment, create_site, get_site  # type: ignore[import-not-found]
from okube_client.models import (  # type: ignore[import-not-found]
    EquipmentCreate,
    IngestEventsJsonBodyItem,
    Login,
    PresenceKpi,
    PresenceParam,
    PresenceQuery,
    SiteCreate,
)

EVENTS = [("cleo", "09:00"), ("cleo", "09:08"), ("dan", "12:30"), ("dan", "12:45"), ("eve", "17:00"), ("eve", "17:30")]


def main(address: str, login: str, password: str, application: str) -> None:
    """Ask for the visitors of a new site."""
    answer = log_in.sync(client=Client(address), body=Login(login=login, password=password))
    assert answer.success is True
    client = AuthenticatedClient(address, token=answer.auth.token)

    site = create_site.sync(
        client=client,
        body=SiteCreate(app=application, key="florist", name="Florist", online=False, coordinates=[3.06, 50.63]),
    )
    assert get_site.sync(site.field_id, client=client).name == "Florist"

    create_equipment.sync(application, site.field_id, client=client, body=EquipmentCreate(key="vase"))
    events = [
        IngestEventsJsonBodyItem.from_dict({"device": device, "equipment": "vase", "at": f"2024-06-07T{time}:00Z"})
        for device, time in EVENTS
    ]
    batch = ingest_events.sync(application, "detections", client=client, body=events)
    assert (batch.state, batch.accepted, batch.rejected) == ("visible", 6, 0)

    query = PresenceQuery(params=[PresenceParam(kpi=PresenceKpi.UNIQUSERS, sites=True)])
    overall, by_site = query_presence.sync(
        application, client=client, body=query, from_=date(2024, 6, 1), to=date(2024, 6, 30)
    )
    assert overall.data["all"] == 3
    assert by_site.data[site.field_id]["all"] == 3


if __name__ == "__main__":
    main(*sys.argv[1:])
