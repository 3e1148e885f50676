"""The four attribution models against those of another library (`pip install .[peer]`), on the same journeys."""

import pytest
from hypothesis import given
from shapley_attribution import (
    FirstTouchAttribution,
    LastTouchAttribution,
    LinearAttribution,
    SimplifiedShapleyAttribution,
)
from tests.ingest.derive.journeys import Journey, collapse_runs, credit_campaigns, journeys

PEERS = {
    "linear": LinearAttribution,
    "shapley": SimplifiedShapleyAttribution,
    "fc": FirstTouchAttribution,
    "lc": LastTouchAttribution,
}


@pytest.mark.parametrize("model", PEERS)
@given(journeys)
def test_both_credit_the_same(model: str, journeys_of_users: list[Journey]) -> None:
    paths = [collapse_runs(journey) for journey in journeys_of_users if journey]
    if paths:
        peer = PEERS[model](normalize=False).fit(paths, y=[1] * len(paths)).get_attribution()
        expected = {campaign: credit for campaign, credit in peer.items() if credit}
        assert {
            name: float(credit) for name, credit in credit_campaigns(journeys_of_users)[model].items()
        } == pytest.approx(expected)
