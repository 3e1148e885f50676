"""Searches for the settings whose stays agree best with visits that are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from okube_api.ingest.evaluation.sample import StaySample
from okube_api.ingest.evaluation.scores import StayScores
from okube_api.kit.application import AUTO_GAP, NEW_STAYS, Stays

ALTERNATIVES: Mapping[str, Sequence[float | int | str | None]] = {
    "overlap": ("nearest", "every"),
    "snapMeters": (0, 10, 20, 30, 45),
    "gapMinutes": (AUTO_GAP, 10, 15, 20, 30, 45),
    "endAfterElsewhere": (0, 2, 3, 4, 6),
    "minimumShare": (0.0, 0.4, 0.5, 0.6, 0.7),
    "minimumSeconds": (0, 60, 120, 180, 300),
    "walkingSpeed": (None, 0.5, 0.8, 1.2),
    "dwell": ("observed", "expected"),
}
"""The values that a search tries, by setting."""

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings, their scores on the users that the search looked at, and on the others; None without others."""

    settings: Stays
    chosen_on: StayScores
    checked_on: StayScores | None


def search_settings(
    sample: StaySample, start: Stays, count: int, on_progress: Callable[[int], None] | None = None
) -> list[Candidate]:
    """Return the settings with the greatest F1, best first, no more than `count`.

    The search begins with the better of `start` and the settings of new applications.  It changes one setting at a time
    to the best of `ALTERNATIVES`, and goes through all settings until none gets better.  It looks at every second user
    only; the other users show whether the settings also suit people that they were not chosen for.
    on_progress: called with the number of settings that were tried so far.
    """
    chosen_on, checked_on = sample.users[::2], sample.users[1::2]
    scores: dict[Stays, StayScores] = {}

    def score(settings: Stays) -> float:
        if settings not in scores:
            scores[settings] = sample.score_settings(settings, chosen_on)
            if on_progress is not None:
                on_progress(len(scores))
        return scores[settings].f1

    best = max((start, NEW_STAYS), key=score)
    for _ in range(_ROUNDS):
        before = best
        for name, values in ALTERNATIVES.items():
            variants = [_change(best, name, value) for value in values]
            best = max((best, *variants), key=score)
        if best == before:
            break
    ranked = sorted(scores, key=lambda settings: -scores[settings].f1)[:count]
    return [
        Candidate(settings, scores[settings], sample.score_settings(settings, checked_on) if len(checked_on) else None)
        for settings in ranked
    ]


def _change(settings: Stays, name: str, value: float | int | str | None) -> Stays:
    return Stays.model_validate({**settings.model_dump(by_alias=True), name: value})
