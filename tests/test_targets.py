"""The targets of make that run the suite."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def read_recipe(target: str) -> list[str]:
    """Return the words of the command with which a target runs the suite."""
    recipe = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return shlex.split(next(line for line in recipe.splitlines() if " -m pytest " in line))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_each_test_is_in_one_of_both_targets() -> None:
    """Check that the targets differ in the marker only, which one selects and the other one leaves out."""
    assert [word for word in read_recipe("test") if word != "not slow"] == [
        word for word in read_recipe("test-slow") if word != "slow"
    ]
    assert (read_recipe("test").count("not slow"), read_recipe("test-slow").count("slow")) == (1, 1)


def test_both_targets_are_run_by_continuous_integration() -> None:
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {step.rpartition(" make ")[2] for step in steps if step.startswith("step ")} >= {"test", "test-slow"}
