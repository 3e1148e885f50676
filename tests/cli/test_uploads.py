"""Progress of commands that read files."""

from pathlib import Path

import pytest
from okube_api.cli.uploads import progress_bar


def test_no_progress_bar_is_printed_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("user,site,at\n")
    with progress_bar(path, "computing facts") as show_size:
        show_size(13)
    assert capsys.readouterr() == ("", "")
