"""The health check of the image, which docker-compose.yml repeats for Podman."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.processes import find_free_port, start_server

ROOT = Path(__file__).parents[2]


def read_image_command() -> list[str]:
    """Return the command of the health check in the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    match = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    assert match is not None
    command: list[str] = json.loads(match[1])
    return command


def test_health_check_is_the_same_in_the_image_and_in_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    command = [" ".join(part.split()) for part in read_image_command()]
    for service in ("okube", "demo", "okube-on-mongodb"):
        assert compose["services"][service]["healthcheck"]["test"] == ["CMD", *command]


def test_health_check_asks_the_server_and_no_proxy(work_folder: Path) -> None:
    port = find_free_port()
    _, option, code = read_image_command()
    command = [sys.executable, option, code.replace(":8000/", f":{port}/")]
    environment = {"http_proxy": "http://127.0.0.1:9"}
    with start_server(port, work_folder / "log"):
        assert subprocess.run(command, env=environment, check=False).returncode == 0
    assert subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 1
