"""Questions that all differ, as many users ask them: any period, KPI and sites; a fifth of them by site."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import orjson

from okube_api.bench.world import DAYS, FIRST, KEY, SITES

BY_SITE, ROLLUP = "by site", "total"
_KPIS = ("posSessions", "timespent", "uniqUsers", "attendance")


def generate_questions(count: int, seed: int = 1) -> list[dict[str, str]]:
    """Return the requests, no two alike: label (`BY_SITE` or `ROLLUP`), path and body."""
    return [request for request, _ in zip(_draw_questions(Random(seed)), range(count), strict=False)]


def _draw_questions(random: Random) -> Iterator[dict[str, str]]:
    seen = set()
    while True:
        days = random.randint(28, DAYS)
        first = FIRST.date() + timedelta(days=random.randint(0, DAYS - days))
        period = f"from={first}&to={first + timedelta(days=days - 1)}"
        sites = sorted(random.sample(range(SITES), random.randint(1, 40)))
        by_site = random.random() < 0.2
        param: dict[str, Any] = {
            "kpi": random.choice(_KPIS),
            "granularity": random.choice(("day", "week", "month")),
            **({"globals": False, "sites": True} if by_site else {}),
        }
        body = orjson.dumps({"filters": {"sites": [f"site-{site}" for site in sites]}, "params": [param]}).decode()
        path = f"/applications/{KEY}/studies/all/geo-marketing/analytics?{period}&uplift=false"
        if (path, body) not in seen:
            seen.add((path, body))
            yield {"label": BY_SITE if by_site else ROLLUP, "path": path, "body": body}
