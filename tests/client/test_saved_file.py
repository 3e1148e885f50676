"""Answers and lists that are saved to files."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from okube_api.client import RequestRefused

from tests.client.callers import CALLERS, Caller

OpenCaller = Callable[..., Caller]
pytestmark = pytest.mark.parametrize("open_caller", CALLERS, ids=["blocking", "asynchronous"])


def test_file_is_replaced_by_a_whole_answer_only(open_caller: OpenCaller, tmp_path: Path) -> None:
    answers = iter(
        [
            httpx.Response(503),
            httpx.Response(200, content=b"kpi,value\r\n"),
            httpx.Response(400, json={"detail": "No."}),
        ]
    )
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return next(answers)

    application = (caller := open_caller(answer, token="key")).okube.application("x")
    path = tmp_path / "visits.csv"
    assert caller.run(application.save_answer(path, "performance", "visits", options={"locale": "fr"})) == path
    assert path.read_bytes() == b"kpi,value\r\n"
    params = requests[0].url.params
    assert (params["format"], params["layout"], params["locale"]) == ("csv", "long", "fr")
    with pytest.raises(RequestRefused):
        caller.run(application.sites.save(str(path), online=True))
    assert dict(requests[-1].url.params) == {"format": "csv", "online": "true"}
    assert path.read_bytes() == b"kpi,value\r\n"
    assert [each.name for each in tmp_path.iterdir()] == ["visits.csv"]


@pytest.mark.parametrize("name", ["visits", "visits.doc", "visits.csv.gz"])
def test_name_of_the_file_says_the_format(open_caller: OpenCaller, tmp_path: Path, name: str) -> None:
    caller = open_caller(lambda _request: httpx.Response(200), token="key")
    with pytest.raises(ValueError, match=r"Names end in \.csv, \.geojson"):
        caller.run(caller.okube.application("x").sites.save(tmp_path / name))
