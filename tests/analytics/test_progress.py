"""The share of a question that is answered, which its parts and their passes add up to."""

from fractions import Fraction

import pytest
from okube_api.analytics.progress import PartProgress


def test_passes_are_shares_of_their_part() -> None:
    shares: list[float] = []
    progress = PartProgress(2, shares.append)
    for number in (1, 2, 3, 4):
        progress.finish_pass(number, 4)
    progress.finish_pass(1, 2)
    assert shares == [1 / 8, 2 / 8, 3 / 8, 4 / 8, 6 / 8]


def test_a_part_of_one_pass_ends_with_it() -> None:
    shares: list[float] = []
    progress = PartProgress(4, shares.append)
    for _ in range(4):
        progress.finish_pass(1, 1)
    assert shares == [1 / 4, 2 / 4, 3 / 4, 1]


def test_parts_without_passes_can_be_skipped() -> None:
    shares: list[float] = []
    progress = PartProgress(5, shares.append)
    progress.finish_until(3)
    progress.finish_pass(1, 2)
    assert shares == [3 / 5, 7 / 10]


def test_a_share_is_reported_once() -> None:
    shares: list[float] = []
    progress = PartProgress(2, shares.append)
    for _ in range(3):
        progress.finish_pass(1, 2)
        progress.finish_until(0)
    assert shares == [1 / 4]


@pytest.mark.parametrize("passes", [(1,), (3, 1), (2, 5, 7)])
def test_shares_grow_to_the_whole(passes: tuple[int, ...]) -> None:
    shares: list[float] = []
    progress = PartProgress(len(passes), shares.append)
    for count in passes:
        for number in range(count):
            progress.finish_pass(number + 1, count)
    assert shares == sorted(set(shares))
    assert [Fraction(share).limit_denominator(100) for share in shares] == [
        Fraction(part) / len(passes) + Fraction(number, count * len(passes))
        for part, count in enumerate(passes)
        for number in range(1, count + 1)
    ]
