"""Every command block of README.md and docs/ runs, and prints what the page shows."""

import json
import re
import shutil
from pathlib import Path

import httpx
import pytest

from tests.api.live import LiveServer
from tests.manual.answers import AnswerMismatch, ShownAnswers
from tests.manual.blocks import LANGUAGES, PAGES, ROOT, Block, read_blocks
from tests.manual.conftest import OpenSession

BLOCKS = [block for page in PAGES for block in read_blocks(page)]
COMMANDS = [block for block in BLOCKS if block.language in LANGUAGES]
PAGES_WITH_COMMANDS = list(dict.fromkeys(block.page for block in COMMANDS if not block.skip))
QUESTIONS = [block for block in BLOCKS if block.ask]

SKIPPED = {
    "serves until it is stopped": 3,
    "needs a container engine": 4,
    "installs into the machine": 3,
    "takes minutes": 6,
    "asks for a password": 1,
    "names a process of yours": 1,
}
"""Why blocks may be skipped, and how many at most."""

UNCOMPARED = {
    "README.md": 1,  # estimates of the demo, whose days are those until yesterday
    "docs/http.md": 1,  # a job
    "docs/kpis.md": 14,  # shapes of leaves, generated from the catalogue
}
"""How many blocks of JSON and text a page may have that are no answers, files or questions."""


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_each_command_block_says_how_it_is_run(block: Block) -> None:
    assert block.skip or block.state, f"{block}: add a comment, see tests/manual/blocks.py"


def test_few_blocks_are_skipped_each_with_a_known_reason() -> None:
    reasons = [block.skip for block in COMMANDS if block.skip]
    assert {reason: reasons.count(reason) for reason in reasons if reasons.count(reason) > SKIPPED.get(reason, 0)} == {}


def test_nearly_all_answers_are_compared() -> None:
    shown = [block for block in BLOCKS if block.language in {"json", "text"} and not block.file and not block.ask]
    pages = [block.page for block in shown]
    assert {page: pages.count(page) for page in pages if pages.count(page) > UNCOMPARED.get(page, 0)} == {}


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|^)make ([a-z][a-z-]*)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 10
    assert named <= targets


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.file], ids=str)
def test_files_are_shown_as_they_are(block: Block) -> None:
    assert block.text == (ROOT / str(block.file)).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_the_commands_of_each_page_run(page: str, open_session: OpenSession, tmp_path: Path) -> None:
    sessions, answers = {}, ShownAnswers()
    for block in COMMANDS:
        if block.page != page or block.skip:
            continue
        assert block.state is not None
        if block.state not in sessions:
            sessions[block.state] = open_session(block.state, tmp_path / block.state)
        printed = sessions[block.state].run(block)
        if block.answer:
            try:
                answers.check(block.answer.language, block.answer.text, printed)
            except (AnswerMismatch, ValueError) as error:
                raise AssertionError(f"{block.answer}: {error}\n{printed}") from error


@pytest.mark.slow
@pytest.mark.parametrize("block", QUESTIONS, ids=str)
def test_the_demo_answers_the_questions(block: Block, demo: LiveServer, demo_token: str) -> None:
    body = json.loads(block.text)
    question = body if "params" in body else {"params": [body]}
    url = f"{demo.address}/applications/maison-lumen{block.ask}"
    answer = httpx.post(url, json=question, headers={"Authorization": f"Bearer {demo_token}"})
    assert answer.is_success, answer.text
