"""Hypothesis strategies for texts and values that are difficult for tables."""

from typing import Any

from hypothesis import strategies as st

DIFFICULT = (
    "=1+1", "+33612345678", "-12", "-a", "@cmd", "\t=1", "\rx", "'", "''", "'=1", "''-1", "'-5", "'s-Hertogenbosch",
    "a|b", "|", "\\", "\\|", "a\\", "007", "1", "1.0", "-1.5", "1e5", "1e999", "true", "FALSE", "null", "'true", "'1",
    "\n", "a\r\nb", "a\rb", '"', '""', 'a"b', ",", ";", " a ", "é", "😀", "\u2028", "\ufeff", "nan", "NA", "#N/A", "",
    "123456789012345678901234567890", "2020-01-01", "[1]", "{}", " =1", "\u00a0+1", "\u200b=1", "\ufeff\u2060@x",
    "\uff1d1+1", "'\uff0bx", " \uff0d1", "\ufe661", "\u22121", "'\u200b=1", " '=1", "\n=1", "\x0b-x", " true",
    "\u200b[1]", "\\N", "'\\N", '["a", "b"]', "['a', 'b']", "'['a']", "[a]", "[]", '["a"', "45627",
)  # fmt: skip

any_text = st.one_of(
    st.sampled_from(DIFFICULT),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text("'=+-@|\\\",;\t\r\n01e.tf \u200b\uff1d", max_size=6),
)
texts = any_text.filter(bool)
lists = st.lists(texts, min_size=1, max_size=4, unique=True)
scalars: st.SearchStrategy[Any] = st.one_of(
    any_text,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
frees: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.lists(st.one_of(st.integers(-9, 9), any_text, st.dictionaries(any_text, any_text, max_size=2)), max_size=3),
    st.dictionaries(any_text, st.one_of(any_text, st.none(), st.lists(any_text, max_size=2)), max_size=3),
)
