"""The glossary has every term that the KPI catalogue uses."""

import re
from pathlib import Path

import pytest
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.scopes import Scope

GLOSSARY = Path(__file__).parents[1] / "docs" / "glossary.md"

ORDINARY = frozenset(
    """
    a absence advertisement after against all also among an and any are as at average be before between both busiest
    by cell centre consecutive count day delivered each end evenly every exposed figure filter first for former four
    from gained global great had has have hours how if in included into is it items its keeps kept last least leave
    less link long main many message money month more most no nobody none not null number of offline on one online
    only opened operating or other over pair part passed per period rank record recorded row s same seen several
    share shared shorter shows side since spent spread start step system than that the their them there they those
    time to together total two under value vs was what when where who whole whose with within without
    """.split()  # noqa: SIM905 - a paragraph of words reads better than a list of quotes
)
"""Words with the meaning that every reader knows."""


def words(text: str) -> set[str]:
    """Return the words of a text in lower case, with camel case taken apart."""
    return {word.lower() for word in re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+", text)}


def singular(word: str) -> set[str]:
    """Return a word and what it may be the plural of."""
    return {word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)}


def glossary_words() -> set[str]:
    """Return the words of all terms of the glossary, and those in italics in their meanings."""
    text = GLOSSARY.read_text(encoding="utf-8")
    terms = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
    return set().union(*(words(term) for term in [*terms, *re.findall(r"\*(.+?)\*", text)]))


def unknown_words(text: str) -> set[str]:
    """Return the words of a text that are neither ordinary nor in the glossary."""
    return {word for word in words(text) if not singular(word) & (ORDINARY | glossary_words())}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{kpi.name} {kpi.title}", id=f"{module}-{kpi.name}")
        for module in CATALOGUE
        for kpi in CATALOGUE[module]
    ],
)
def test_terms_of_kpis_are_in_the_glossary(text: str) -> None:
    assert unknown_words(text) == set()


@pytest.mark.parametrize("scope", Scope)
def test_scopes_are_in_the_glossary(scope: Scope) -> None:
    assert unknown_words(scope) == set()


def test_an_unknown_term_is_detected() -> None:
    assert unknown_words("Stays per quiddity of the siteHaecceities") == {"quiddity", "haecceities"}
