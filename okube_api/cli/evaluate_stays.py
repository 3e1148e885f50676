"""Evaluates the stays of an application against a file of visits that are known, and prints how well they agree."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from pydantic import ValidationError

from okube_api.cli.runtime import console, echo, fail, open_services, require_store, run_command
from okube_api.ingest.evaluation.sample import StaySample, load_sample
from okube_api.ingest.evaluation.scores import StayScores
from okube_api.ingest.evaluation.search import Candidate, search_settings
from okube_api.ingest.parse.read_options import ReadOptions
from okube_api.kit.application import Application, Stays
from okube_api.settings import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_REASONS_SHOWN = 5
_CANDIDATES_SHOWN = 5


def refuse_server() -> NoReturn:
    """Exit, because the command cannot use a running server."""
    fail(
        "evaluate-stays has no --url: it reads pings, and a server does not return pings. Run the command where the "
        "store is, with OKUBE_STORE_URL; stop the server first if its store is embedded."
    )


def evaluate_stays(
    application: str,
    path: Path,
    options: ReadOptions,
    *,
    settings: str | None,
    search: bool,
    places: bool,
    as_json: bool,
) -> None:
    """Print the scores of the stays that an application has, or that other settings would make.

    settings: JSON of settings of stays, which replace those of the application.
    """
    run_command(_evaluate(application, path, options, settings, search=search, places=places, as_json=as_json))


async def _evaluate(
    name: str, path: Path, options: ReadOptions, settings: str | None, *, search: bool, places: bool, as_json: bool
) -> None:
    store_settings = Settings()
    require_store(store_settings, has_url=False)
    async with open_services(store_settings) as services:
        application = Application.from_document(await services.applications.get_by_name(name))
        with console.status("Reading visits and pings..."):
            sample = await load_sample(services.store, application, services.secret, path, options)
    current = application.settings.stays
    tried = None if settings is None else parse_settings(current, settings)
    with console.status("Evaluating...") as status:
        if tried is None:
            scores = await asyncio.to_thread(sample.score_facts)
        else:
            scores = await asyncio.to_thread(sample.score_settings, tried)
        candidates = (
            await asyncio.to_thread(
                search_settings,
                sample,
                tried or current,
                _CANDIDATES_SHOWN,
                lambda count: status.update(f"Evaluating settings: {count}"),
            )
            if search
            else []
        )
    if as_json:
        typer.echo(json.dumps(build_report(application, sample, tried or current, scores, candidates), indent=2))
    else:
        _print_report(sample, scores, candidates, places=places)


def parse_settings(current: Stays, text: str) -> Stays:
    """Return settings of stays, some of them replaced by those of a JSON object.  Exit when it is invalid."""
    try:
        given = json.loads(text)
    except ValueError:
        fail("--settings must be JSON, such as '{\"gapMinutes\": 30}'.")
    if not isinstance(given, dict):
        fail("--settings must be a JSON object, such as '{\"gapMinutes\": 30}'.")
    try:
        return Stays.model_validate({**current.model_dump(by_alias=True), **given})
    except ValidationError as error:
        faults = " ".join(map(_describe_fault, error.errors()))
        fail(f"--settings: {faults} Settings: {', '.join(current.model_dump(by_alias=True))}.")


def _describe_fault(fault: "ErrorDetails") -> str:
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"Unknown setting '{name}'."
    return f"'{name}': {fault['msg'].removeprefix('Value error, ').removesuffix('.')}."


def build_report(
    application: Application, sample: StaySample, settings: Stays, scores: StayScores, candidates: Sequence[Candidate]
) -> Mapping[str, Any]:
    """Return all figures as JSON values."""
    counts = sample.counts
    return {
        "application": application.id,
        "lines": {
            "scored": counts.scored,
            "elsewhere": counts.elsewhere,
            "unknownUsers": counts.unknown_users,
            "rejected": len(counts.rejected),
        },
        "users": len(sample.users),
        "settings": settings.model_dump(by_alias=True),
        "scores": scores.describe(),
        "places": _list_places(sample, scores),
        "search": [
            {
                "settings": candidate.settings.model_dump(by_alias=True),
                "chosenOn": candidate.chosen_on.describe(),
                "checkedOn": None if candidate.checked_on is None else candidate.checked_on.describe(),
            }
            for candidate in candidates
        ],
    }


def _list_places(sample: StaySample, scores: StayScores) -> list[dict[str, Any]]:
    """Return the counts of each place that has visits or stays."""
    columns = (scores.visits, scores.stays, scores.matched_visits, scores.matched_stays)
    return [
        {
            "place": place["_id"],
            "key": place.get("key") or next(iter(place.get("names") or ()), None),
            "visits": visits,
            "stays": stays,
            "matchedVisits": matched_visits,
            "matchedStays": matched_stays,
        }
        for place, visits, stays, matched_visits, matched_stays in zip(
            sample.places, *(column.tolist() for column in columns), strict=True
        )
        if visits or stays
    ]


# -- text ------------------------------------------------------------------------------------------------------


def _print_report(sample: StaySample, scores: StayScores, candidates: Sequence[Candidate], *, places: bool) -> None:
    counts = sample.counts
    for count, description in (
        (len(counts.rejected), "invalid lines"),
        (counts.unknown_users, "lines of users without events"),
        (counts.elsewhere, "lines at places that the application does not have"),
    ):
        if count:
            echo(f"{count:,} {description}")
    for line in counts.rejected[:_REASONS_SHOWN]:
        echo(f"  line {line.number}: {line.reason}")
    typer.echo(format_scores(len(sample.users), scores))
    if places:
        typer.echo("\n" + _format_table(*_build_place_rows(_list_places(sample, scores))))
    if candidates:
        typer.echo("\nBest settings, chosen on every second user and checked on the others:")
        typer.echo(_format_table(*_build_candidate_rows(candidates)))
        for number, candidate in enumerate(candidates, start=1):
            typer.echo(f"{number}: {json.dumps(candidate.settings.model_dump(by_alias=True))}")


def format_scores(users: int, scores: StayScores) -> str:
    """Return the figures over all places as lines of text."""
    quartiles = scores.dwell_error_quartiles_s
    dwell = "-" if quartiles is None else "{1:+.1f} min (quartiles {0:+.1f} and {2:+.1f})".format(
        *(seconds / 60 for seconds in quartiles)
    )  # fmt: skip
    lines = {
        "visits": f"{scores.visits.sum():,} of {users:,} users",
        "stays": f"{scores.stays.sum():,}",
        "precision": f"{_format(scores.precision)}  stays that match a visit",
        "recall": f"{_format(scores.recall)}  visits that match a stay",
        "stays per visit": _format(scores.stays_per_visit),
        "splits": f"{scores.splits:,}  visits that match several stays",
        "merges": f"{scores.merges:,}  stays that match several visits",
        "dwell error": dwell,
        "correlation": f"{_format(scores.correlation)}  of the numbers of stays and visits by place",
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


def _build_place_rows(places: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    names = ["place", "visits", "stays", "precision", "recall"]
    return names, [
        [
            str(place["key"] or place["place"]),
            f"{place['visits']:,}",
            f"{place['stays']:,}",
            _format(place["matchedStays"] / place["stays"] if place["stays"] else None),
            _format(place["matchedVisits"] / place["visits"] if place["visits"] else None),
        ]
        for place in places
    ]


def _build_candidate_rows(candidates: Sequence[Candidate]) -> tuple[list[str], list[list[str]]]:
    names = ["settings", "F1", "F1 of the others", "precision", "recall", "stays per visit"]
    return names, [
        [
            str(number),
            _format(candidate.chosen_on.f1),
            _format(None if candidate.checked_on is None else candidate.checked_on.f1),
            *(
                _format(figure)
                for scores in (candidate.checked_on or candidate.chosen_on,)
                for figure in (scores.precision, scores.recall, scores.stays_per_visit)
            ),
        ]
        for number, candidate in enumerate(candidates, start=1)
    ]


def _format_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (names, *rows)
    )


def _format(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"
