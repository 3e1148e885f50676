"""The commands that send requests to the API, with their options; see `commands.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from okube_api.cli.commands import AllowRejected, ApplicationName, Dates, Delimiter, Encoding, Sheet, Token, Url

MODULES = ("geo-marketing", "conversion", "presence", "performance")
TABLES = ("sites", "pois", "campaigns", "studies")


def _complete_module(incomplete: str) -> list[str]:
    return [name for name in MODULES if name.startswith(incomplete)]


def _complete_table(incomplete: str) -> list[str]:
    return [name for name in TABLES if name.startswith(incomplete)]


def _complete_kpis(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the list of KPIs with each name of the module that may be its last one."""
    from okube_api.catalogue.registry import CATALOGUE

    before, comma, start = incomplete.rpartition(",")
    return [
        f"{before}{comma}{kpi.name}"
        for module, kpis in CATALOGUE.items()
        if module == ctx.params.get("module")
        for kpi in kpis
        if kpi.name.startswith(start)
    ]


def _complete_granularity(incomplete: str) -> list[str]:
    from okube_api.cli.question_options import GRAINS

    return [name for name in GRAINS if name.startswith(incomplete)]


def _complete_period(incomplete: str) -> list[str]:
    from okube_api.cli.question_options import PERIODS

    return [name for name in PERIODS if name.startswith(incomplete)]


def _complete_comparison(incomplete: str) -> list[str]:
    from okube_api.cli.question_options import COMPARISONS

    return [name for name in COMPARISONS if name.startswith(incomplete)]


def ask(  # noqa: PLR0917 - options of a command line
    application: ApplicationName,
    module: Annotated[
        str,
        typer.Argument(metavar="MODULE", autocompletion=_complete_module, help=f"Module: {', '.join(MODULES)}."),
    ],
    kpis: Annotated[
        str,
        typer.Argument(
            metavar="KPI[,KPI...]",
            autocompletion=_complete_kpis,
            help="Names of KPIs, such as visits,sales; docs/kpis.md lists them.",
        ),
    ],
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day; by default, the last 30 days.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=3660, metavar="N", help="The last N days until yesterday, in place of --from and --to."
        ),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            autocompletion=_complete_period,
            help="In place of --from and --to: yesterday, last-30-days, this-week, last-week, and so with month, "
            "quarter and year; or days such as 2026-01-01..2026-01-31.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="GRANULARITY",
            autocompletion=_complete_granularity,
            help="Also the figures of each hour, day, week, month, quarter, year, hourOfWeek, fiscalMonth, "
            "fiscalQuarter or fiscalYear.",
        ),
    ] = None,
    mode: Annotated[
        Literal["histogram", "aggregation"],
        typer.Option(help="With --by: each interval of the period, or each category, such as the hours of the day."),
    ] = "histogram",
    sites: Annotated[
        str | None,
        typer.Option(
            metavar="[KEY,...]", help="By sites: by all of them, or by those with these keys. Write it after the KPIs."
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="By a scope such as campaigns, homes or channels; or by a grouping such as sites.type, or two of them "
            "as sites.type,sites. Scopes are repeatable.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the N scope values with the largest figures.")
    ] = None,
    remainder: Annotated[bool, typer.Option("--others", help="Also what --limit leaves out, as one line.")] = False,
    share: Annotated[bool, typer.Option("--share", help="Also the share of the whole.")] = False,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="FIELD=VALUE,...",
            help="Only what has one of these values, such as site=lyon,paris, hours=10-18 or "
            "campaigns.provider!=Adline (all but these); repeatable. docs/questions.md lists the filters.",
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERIOD",
            autocompletion=_complete_comparison,
            help="Compare with previous-period, previous-year, previous-year-same-weekday, previous-month, "
            "previous-quarter or days such as 2025-01-01..2025-01-31; repeatable.",
        ),
    ] = None,
    like_for_like: Annotated[
        bool, typer.Option("--like-for-like", help="With --compare: only sites that were open in all periods.")
    ] = False,
    uplift: Annotated[
        bool | None,
        typer.Option("--uplift/--no-uplift", help="Whether to extrapolate the panel to the population."),
    ] = None,
    study: Annotated[str, typer.Option(metavar="STUDY", help="With geo-marketing: id or key of a study.")] = "all",
    site: Annotated[str | None, typer.Option(metavar="SITE", help="A question about one site: its id or key.")] = None,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="The longest table.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV as the API answers it.")] = False,
    locale: Annotated[
        Literal["fr", "en"] | None, typer.Option(help="With --csv: for spreadsheets in this language.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON as the API answers it.")] = False,
    as_curl: Annotated[
        bool, typer.Option("--curl", help="Print the curl command of the question instead of asking it.")
    ] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ask a question about an application, and print the answer.

    Without options, it is the total of each KPI over the last 30 days. The tables are for people: their numbers are
    rounded, and long tables are cut. For example, the visits of each site by week:

    okube-api ask maison-lumen performance visits --by week --sites
    """
    from okube_api.cli.ask import AskOptions
    from okube_api.cli.ask import ask as run

    options = AskOptions(
        start=start,
        until=until,
        days=days,
        period=period,
        by=by,
        mode=mode,
        sites=sites,
        scopes=scope or (),
        limit=limit,
        remainder=remainder,
        share=share,
        filters=filters or (),
        compare=compare or (),
        like_for_like=like_for_like,
        uplift=uplift,
        study=study,
        site=site,
        locale=locale,
        most_rows=rows,
        as_csv=as_csv,
        as_json=as_json,
        as_curl=as_curl,
    )
    run(application, module, kpis, options, url=url, token=token)


def import_file(  # noqa: PLR0917 - options of a command line
    application: ApplicationName,
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", autocompletion=_complete_table, help=f"What the rows are: {', '.join(TABLES)}."),
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV or XLSX file with one row for each."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the rows, and write nothing.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Import the valid rows even if others are invalid.")
    ] = False,
    allow_rejected: AllowRejected = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    dates: Dates = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone in which instants are days, such as Europe/Paris.")
    ] = None,
    mapper: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="The file's column of a field, such as key=Code; repeatable."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=UNIT", help="Unit of a field, such as radius=ft; docs/tables.md lists them."),
    ] = None,
    sheet: Sheet = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Import a table of sites, points of interest, campaigns or studies.

    Rows update the resources that have their key, and create the others. An invalid row refuses the whole file, unless
    --partial is set; the invalid rows are printed, and the command ends with status 1.
    """
    from okube_api.cli.import_file import ImportOptions
    from okube_api.cli.import_file import import_file as run
    from okube_api.cli.uploads import parse_pairs

    options = ImportOptions(
        encoding,
        delimiter,
        dates,
        timezone,
        sheet,
        mapper=parse_pairs("--mapper", "FIELD=COLUMN", mapper or ()),
        units=parse_pairs("--unit", "FIELD=UNIT", unit or ()),
        partial=partial,
        dry_run=dry_run,
    )
    run(application, kind, file, options, allow_rejected=allow_rejected, url=url, token=token)
