"""What campaigns do: whom they touch, what platforms count, who comes and what they buy, with a lift that is known."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_S
from okube_api.demo.generator.random_columns import chosen, instants, midnights, named, times_of_day
from okube_api.demo.generator.stays import TIMEZONE
from okube_api.demo.generator.panel import People
from okube_api.demo.generator.world import DAYS, LEVERS, Drive, World
from okube_api.store.arrays import Flags, Floats, Ints

REACH = 0.12  # of the panel, per campaign
CONTROL = 0.15  # of those, deliberately not shown it
VISITS_A_YEAR = 3.0  # of a user, without any campaign
FOLLOW_UP_DAYS = 7  # in which a campaign makes its lift
ONLINE = 0.3  # of visits
BUYS = 0.3  # of visits
_TOUCHES = 3  # mean of a reached user


@dataclass(frozen=True, slots=True)
class Market:
    """Events by kind; reached and control are how many users each campaign touched, and left out on purpose."""

    touches: pa.Table
    deliveries: pa.Table
    visits: pa.Table
    purchases: pa.Table
    reached: tuple[int, ...]
    control: tuple[int, ...]


def market(world: World, found: People, random: np.random.Generator) -> Market:
    """Everything that a world's campaigns bring about."""
    starts = midnights(world.first, DAYS + FOLLOW_UP_DAYS + 1, TIMEZONE)
    reached = [_touched(world, drive, found, starts, random) for drive in world.campaigns]
    users, campaigns, at, kinds = (np.concatenate(columns) for columns in zip(*reached, strict=True))
    visitors, seconds = _visits(world, random, starts, users=users, at=at, kinds=kinds)
    online = random.random(len(visitors)) < ONLINE
    site = np.where(online, len(world.sites) - 1, found.city[visitors])
    order = np.lexsort((visitors, seconds))
    kind_names = ("print", "click", "opening", "control")
    control = kinds == kind_names.index("control")
    by_time = np.lexsort((users, at))
    return Market(
        touches=pa.table(
            {
                "user": named("user", users[by_time]),
                "campaign": chosen([drive.key for drive in world.campaigns], campaigns[by_time]),
                "at": instants(at[by_time]),
                "kind": chosen(kind_names, kinds[by_time]),
            }
        ),
        deliveries=_deliveries(world, random),
        visits=pa.table(
            {
                "user": named("user", visitors[order]),
                "site": chosen([site.key for site in world.sites], site[order]),
                "at": instants(seconds[order]),
            }
        ),
        purchases=_purchases(world, visitors[order], site[order], seconds[order], random),
        reached=_distinct(users[~control], campaigns[~control], len(world.campaigns)),
        control=_distinct(users[control], campaigns[control], len(world.campaigns)),
    )


def _distinct(users: Ints, campaigns: Ints, size: int) -> tuple[int, ...]:
    pairs = np.unique(np.stack((campaigns, users)), axis=1)
    return tuple(np.bincount(pairs[0], minlength=size).tolist())


def _days(world: World, drive: Drive) -> tuple[int, int]:
    """A campaign's first day, counted from the world's, and its length."""
    last = min(drive.last, world.last)
    return (drive.first - world.first).days, (last - drive.first).days + 1


def _touched(
    world: World, drive: Drive, found: People, starts: Ints, random: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints]:
    """Users, the campaign's number, instants and kinds (indexing print, click, opening, control) of its touches."""
    cities = [n for n, site in enumerate(world.sites) if site.key in drive.sites]
    target = np.flatnonzero(np.isin(found.city, cities)) if cities else np.arange(world.users)
    reached = random.choice(target, size=max(round(len(target) * REACH), 1), replace=False)
    control = random.random(len(reached)) < CONTROL
    times = np.where(control, 1, 1 + random.poisson(_TOUCHES - 1, size=len(reached)))
    users = np.repeat(reached, times)
    first, length = _days(world, drive)
    at = starts[first + random.integers(0, length, size=len(users))] + times_of_day(random, len(users))
    kinds = np.array([("print", "click", "opening").index(kind) for kind in LEVERS[drive.lever][3]])
    mostly_first = np.where(random.random(len(users)) < 0.12, kinds[-1], kinds[0])
    number = np.full(len(users), world.campaigns.index(drive))
    return users, number, at, np.where(np.repeat(control, times), 3, mostly_first)


def _visits(
    world: World, random: np.random.Generator, starts: Ints, *, users: Ints, at: Ints, kinds: Ints
) -> tuple[Ints, Ints]:
    """Who comes when: everyone now and then, and some of the exposed once more, soon after a touch."""
    own = random.integers(0, world.users, size=round(world.users * VISITS_A_YEAR))
    days = random.integers(0, DAYS, size=len(own))
    usual = starts[days] + times_of_day(random, len(own))
    extra = world.lift * VISITS_A_YEAR * FOLLOW_UP_DAYS / DAYS  # visits that one week of exposure adds
    moved: Flags = (kinds != 3) & (random.random(len(users)) < extra)
    delay: Floats = np.minimum(random.exponential(2.0, size=int(moved.sum())), FOLLOW_UP_DAYS - 0.01)
    after = at[moved] + (delay * DAY_S).astype(np.int64) + 60
    inside = after < starts[DAYS]
    return np.concatenate((own, users[moved][inside])), np.concatenate((usual, after[inside]))


def _purchases(world: World, users: Ints, site: Ints, at: Ints, random: np.random.Generator) -> pa.Table:
    bought = np.flatnonzero(random.random(len(users)) < BUYS)
    return pa.table(
        {
            "user": named("user", users[bought]),
            "site": chosen([site.key for site in world.sites], site[bought]),
            "at": instants(at[bought] + random.integers(120, 2400, size=len(bought))),
            "amount": np.round(random.lognormal(3.6, 0.7, size=len(bought)), 2),
            "order": named("order", bought),
        }
    )


def _deliveries(world: World, random: np.random.Generator) -> pa.Table:
    """Per campaign and day, what its platform counts; campaigns of some sites count by site."""
    columns: dict[str, list[pa.Array]] = {name: [] for name in ("campaign", "day", "site")}
    counts: list[Ints] = []
    for drive in world.campaigns:
        first, length = _days(world, drive)
        sites = np.array([n for n, site in enumerate(world.sites) if site.key in drive.sites] or [-1])
        size = length * len(sites)
        days: list[date] = [world.first + timedelta(days=first + n) for n in range(length)]
        columns["campaign"].append(pa.array([drive.key] * size))
        columns["day"].append(pa.array(days).take(pa.array(np.repeat(np.arange(length), len(sites)))))
        columns["site"].append(chosen([site.key for site in world.sites], np.tile(sites, length)))
        mean = 1.0 + 12_000 / len(sites)
        prints = random.poisson(mean, size=size) * ("print" in LEVERS[drive.lever][3])
        clicks = random.poisson(mean * 0.012, size=size) * ("click" in LEVERS[drive.lever][3])
        openings = random.poisson(mean * 0.2, size=size) * ("opening" in LEVERS[drive.lever][3])
        counts.append(np.stack((prints, clicks, openings)))
    prints, clicks, openings = np.concatenate(counts, axis=1)
    return pa.table(
        {
            **{name: pa.chunked_array(parts) for name, parts in columns.items()},
            "prints": prints,
            "clicks": clicks,
            "openings": openings,
        }
    )
