"""Great-circle distances, against H3's own and against known lengths."""

import math

import h3
import numpy as np
import pytest
from okube_api.geo.constants import EARTH_M
from okube_api.geo.distance import haversine_m, haversine_m_array

LYON, PARIS, FIJI, SAMOA = (4.8357, 45.764), (2.3522, 48.8566), (179.9, -17.0), (-179.9, -17.0)
QUARTER_M = math.pi / 2 * EARTH_M


@pytest.mark.parametrize(
    ("start", "end", "metres"),
    [
        (LYON, LYON, 0),
        ((0.0, 0.0), (0.0, 90.0), QUARTER_M),
        ((0.0, 0.0), (90.0, 0.0), QUARTER_M),
        ((0.0, 0.0), (180.0, 0.0), 2 * QUARTER_M),
        ((30.0, 90.0), (-120.0, -90.0), 2 * QUARTER_M),
        ((10.0, 20.0), (-170.0, -20.0), 2 * QUARTER_M),
    ],
)
def test_distance_is_known(start: tuple[float, float], end: tuple[float, float], metres: float) -> None:
    assert haversine_m(*start, *end) == pytest.approx(metres, abs=0.001)


@pytest.mark.parametrize(("start", "end"), [(LYON, PARIS), (PARIS, FIJI), (FIJI, SAMOA), (SAMOA, LYON)])
def test_distance_is_as_h3_measures_it(start: tuple[float, float], end: tuple[float, float]) -> None:
    expected = h3.great_circle_distance(start[::-1], end[::-1], unit="m")
    assert haversine_m(*start, *end) == pytest.approx(expected, rel=1e-12)
    assert haversine_m(*end, *start) == pytest.approx(expected, rel=1e-12)


def test_arrays_give_the_distance_of_each_pair() -> None:
    random = np.random.default_rng(1)
    longitudes, latitudes = random.uniform(-180, 180, (2, 500)), random.uniform(-90, 90, (2, 500))
    metres = haversine_m_array(longitudes[0], latitudes[0], longitudes[1], latitudes[1])
    pairs = zip(*longitudes.tolist(), *latitudes.tolist(), strict=True)
    expected = [haversine_m(start, lat, end, to_lat) for start, end, lat, to_lat in pairs]
    np.testing.assert_allclose(metres, expected, rtol=1e-9)


def test_arrays_are_broadcast_and_keep_nan() -> None:
    metres = haversine_m_array(np.array(LYON[0]), np.array(LYON[1]), np.array([2.3522, np.nan]), np.array([48.8566, 1]))
    assert metres[0] == pytest.approx(haversine_m(*LYON, *PARIS))
    assert np.isnan(metres[1])
