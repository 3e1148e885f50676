"""Rejected lines are stored in documents of bounded number and size."""

import pytest
from okube_api.ingest.load import event_writer
from okube_api.ingest.parse.text import RejectedLine


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [([], []), ([1] * 7, [3, 3, 1]), ([60, 60, 60], [1, 1, 1]), ([50, 50, 50], [2, 1]), ([500, 1], [1, 1])],
)
def test_documents_of_rejected_lines(monkeypatch: pytest.MonkeyPatch, sizes: list[int], parts: list[int]) -> None:
    monkeypatch.setattr(event_writer, "_LINES_PER_DOCUMENT", 3)
    monkeypatch.setattr(event_writer, "_DOCUMENT_BYTES", 100)
    lines = [RejectedLine(number, "", b"x" * size) for number, size in enumerate(sizes)]
    split = list(event_writer.split_rejected(lines))
    assert [len(part) for part in split] == parts
    assert [line for part in split for line in part] == lines
