"""The reference of all commands in the manual."""

from scripts.command_reference import PAGE, write_page, write_reference

from tests.processes import run_cli


def test_the_page_has_the_present_commands() -> None:
    """Compare with what `make documents` writes."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == write_page(text)


def test_every_command_and_its_options_are_described() -> None:
    reference = write_reference()
    listed = [
        line.split()[0] for line in run_cli("--help").output.partition("Commands:")[2].splitlines() if line.strip()
    ]
    assert len(listed) > 10
    assert [name for name in listed if f"### {name}" not in reference] == []
    assert "### user add\n" in reference
    assert "| `--period PERIOD` | In place of --from and --to: yesterday," in reference
    assert "| `--mode histogram\\|aggregation` |" in reference
    assert "Default: the variable `OKUBE_TOKEN`. |" in reference
