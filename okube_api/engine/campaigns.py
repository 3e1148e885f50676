"""The campaigns of a question, and the scope values to which their rows belong."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from okube_api.catalogue.scopes import Scope

UNKNOWN = "unknown"
"""The scope value of rows where it is null, and the lever of campaigns that have none or no longer exist."""


@dataclass(frozen=True, slots=True)
class Spending:
    """A cost of a campaign.

    kind: `fixed`; or per delivery: `cpm` for 1,000 prints, `cpc` for a click, `cpo` for an opening.
    amount_micro: millionths of the application's currency.
    first, last: the days (ordinals) on which it applies; None leaves that side open.  A fixed cost with an open side
        has no days.
    """

    kind: str
    amount_micro: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign.  sites: those that exist; None when it is global.  extras: `name:value`."""

    id: str
    key: str
    name: str | None
    lever: str | None
    sites: tuple[str, ...] | None = None
    extras: tuple[str, ...] = ()
    costs: tuple[Spending, ...] = ()


def get_campaign_scope_values(
    identifier: str, scope: Scope, campaigns: Mapping[str, CampaignRecord]
) -> tuple[str, ...]:
    """Return the scope values of a campaign.

    A campaign that no longer exists keeps its identifier; its lever is unknown, and it has no extras.
    """
    campaign = campaigns.get(identifier)
    match scope:
        case Scope.LEVERS:
            return (campaign.lever or UNKNOWN if campaign else UNKNOWN,)
        case Scope.EXTRAS:
            return campaign.extras if campaign else ()
        case _:
            return (identifier,)


def find_sharers(campaign: CampaignRecord | None, active: Set[str]) -> frozenset[str]:
    """Return the sites that what is known of a campaign only belongs to, in equal parts, whatever the question.

    active: the active sites of the application.  These are the campaign's active sites; its own sites when all of them
    are inactive; all active sites when it names none, or no longer exists.
    """
    sites = frozenset(campaign.sites or ()) if campaign is not None else frozenset[str]()
    return sites & active or sites or frozenset(active)
