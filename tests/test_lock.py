"""The lock files: a version and hashes for every dependency, from which `make` and the image install."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = [*PROJECT["project"]["dependencies"], *EXTRAS["server"], *PROJECT["build-system"]["requires"]]
DEVELOPMENT = [*RUNTIME, *EXTRAS["dev"]]


@pytest.mark.parametrize(
    ("name", "requirements"), [("requirements.lock", RUNTIME), ("requirements-dev.lock", DEVELOPMENT)]
)
def test_lock_has_a_version_and_hashes_of_every_dependency(name: str, requirements: list[str]) -> None:
    """Fail when `make lock` was not run after a change of pyproject.toml."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
    versions: dict[str, list[str]] = {}
    for entry in entries:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ]+)", entry)
        assert match is not None, entry
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        versions.setdefault(canonicalize_name(match[1]), []).append(match[2])
    for requirement in map(Requirement, requirements):
        locked = versions.get(canonicalize_name(requirement.name), [])
        assert locked, requirement
        assert all(requirement.specifier.contains(version) for version in locked), requirement


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_dependencies_are_installed_with_hashes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(r"--require-hashes\s(\\\s+)?(-r|--requirement) requirements\.lock", text)
