"""The stays of a random town, derived in plain Python by the settings of an application."""

from collections import defaultdict
from fractions import Fraction

from okube_api.kit.application import Stays

from tests.by_hand.places import MatchRule, build_zone_rules, find_jumps, find_zones
from tests.by_hand.sessions import StayRule, derive_stays, to_ms
from tests.by_hand.truth import Ping, Stay
from tests.ingest.event_truth import to_instant
from tests.ingest.random_towns import Town


def derive_town_stays(town: Town, settings: Stays) -> list[Stay]:
    """Return the stays that plain Python derives by the settings."""
    accuracy_limit, speed_limit = settings.maximum_accuracy, settings.maximum_speed
    events = [
        event
        for event in town.pings
        if (accuracy_limit is None or event.get("accuracy", 0) <= accuracy_limit)
        and (speed_limit is None or event.get("speed", 0) <= speed_limit)
    ]
    points = defaultdict(list)
    for event in events:
        points[event["user"]].append((to_ms(to_instant(event["at"])), event["lng"], event["lat"]))
    jumps = {user: find_jumps(of_user) if settings.ignore_jumps else set() for user, of_user in points.items()}
    match_rule = MatchRule(settings.overlap == "nearest", settings.snap_meters, settings.walking_speed)
    pings = [
        Ping(
            user,
            to_instant(event["at"]),
            find_zones(town.shapes, (event["lng"], event["lat"]), match_rule),
            is_jump=(to_ms(to_instant(event["at"])), event["lng"], event["lat"]) in jumps[user],
        )
        for event in events
        for user in [event["user"]]
    ]
    rule = StayRule(
        settings.gap_ms,
        settings.end_after_elsewhere,
        Fraction(round(settings.minimum_share * 1000), 1000),
        settings.minimum_seconds,
        settings.dwell == "expected",
    )
    return derive_stays(pings, rule, build_zone_rules(town.shapes, match_rule))
