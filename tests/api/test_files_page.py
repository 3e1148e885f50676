"""The commands of `docs/files.md`, run against an application."""

import re
import shlex
from pathlib import Path

import pytest

from tests.api.file_readers import read_xlsx
from tests.api.server import Tenant

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "files.md"


def list_blocks(language: str) -> list[str]:
    """Return the blocks of a language in the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


async def test_commands_of_the_page(tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await tenant.create("sites", name="Lyon", online=False, coordinates=[4.8, 45.7])
    await tenant.create("campaigns", key="c", name="Noël", **{"from": "2024-12-01", "to": "2024-12-31"})
    commands = [shlex.split(text) for block in list_blocks("sh") for text in block.replace("\\\n", " ").split("\ncurl")]
    assert len(commands) == 5
    for command in commands:
        (url,) = [word for word in command if word.startswith("http://")]
        path = url.removeprefix("http://127.0.0.1:8000").replace("maison-lumen", tenant.key)
        options = {name: command[command.index(name) + 1] for name in ("-o", "-d") if name in command}
        if "-d" in options:
            json_type = {"Content-Type": "application/json"}
            response = await tenant.reader.post(path, content=options["-d"], headers=json_type)
        else:
            response = await tenant.reader.get(path)
        assert response.status_code == 200, response.text
        (tmp_path / options["-o"]).write_bytes(response.content)
    assert (tmp_path / "campagnes.csv").read_bytes().startswith(b"\xef\xbb\xbf_id;")
    assert read_xlsx((tmp_path / "sales.xlsx").read_bytes())[0]["kpi"] == "visits"
    monkeypatch.chdir(tmp_path)
    for block in list_blocks("python"):
        exec(compile(block, "files.md", "exec"), {})
