"""The texts of the catalogue that the explorer's tests compare its translations with."""

from scripts.explorer_catalogue import PATH, render_texts


def test_texts_are_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == render_texts(), f"{PATH.name} is outdated: run make documents"
