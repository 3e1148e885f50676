"""Guesses of the encoding of a text from a few letters."""

import pytest
from okube_api.ingest.preview.file_head import guess_encoding


@pytest.mark.parametrize("codec", ["windows-1252", "mac-roman", "cp850"])
@pytest.mark.parametrize("text", ["Zoé - Lille", "à Noël", "Größe", "Ñandú", "«Où ça»"])
def test_few_letters_tell_the_encoding(text: str, codec: str) -> None:
    assert guess_encoding(text.encode(codec)) == codec


@pytest.mark.parametrize("codec", ["windows-1252", "mac-roman"])
def test_signs_beside_letters_do_not_mislead(codec: str) -> None:
    """A dash of Windows would be `ñ` on a Mac, and `é` be `È`."""
    text = "Code;Enseigne;Surface (m²)\n1;Zoé \u2013 Lyon \u2013 Bellecour;120\n2;Zoé \u2013 Lille \u2013 Centre;80\n"
    assert guess_encoding(text.encode(codec, "replace")) == codec
