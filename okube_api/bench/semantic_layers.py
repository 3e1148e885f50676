"""Semantic layers on DuckDB, each in a process of the environment that `make semantic-layers` builds."""

import subprocess
from pathlib import Path
from typing import IO, Any

import orjson

from okube_api.bench.competitors import CompetitorAnswer
from okube_api.bench.numbers import RESULT_TABLES

_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / "build" / "semantic-layers" / "bin" / "python"
_SCRIPT = _ROOT / "benchmarks" / "semantic_layers" / "answer.py"
_FACTS = ("stays", "passages")
_OTHER_QUESTIONS = ("A5h", "A5c", "A5r")
"""Questions with a filter, a comparison or a column of another table."""


class SemanticLayer:
    """A semantic layer that has loaded the rows of stays and passages.

    It has no queries of outcomes, since its dimensions are columns and outcomes have lists of campaigns.
    """

    def __init__(self, name: str, argument: str, folder: Path) -> None:
        """Start the process; folder: that of the exported facts."""
        self.name = name
        command = [str(part) for part in (_PYTHON, _SCRIPT, argument, folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._read()

    def ask(self, workload: str) -> CompetitorAnswer | None:
        """Answer a workload (see `Competitor`)."""
        tables = RESULT_TABLES[workload]
        if workload in _OTHER_QUESTIONS or any(table.fact not in _FACTS for table in tables):
            return None
        line = orjson.dumps([(table.fact, table.keys, table.kpis) for table in tables])
        pipe = self._pipe(self._process.stdin)
        pipe.write(line + b"\n")
        pipe.flush()
        answer = self._read()
        return CompetitorAnswer(answer["rows"], answer["seconds"])

    def close(self) -> None:
        """End the process."""
        self._pipe(self._process.stdin).close()
        self._process.wait()
        self._pipe(self._process.stdout).close()

    def _read(self) -> Any:
        line = self._pipe(self._process.stdout).readline()
        if not line:
            self.close()
            raise RuntimeError(f"{self.name} ended with status {self._process.returncode}.")
        return orjson.loads(line)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def load_semantic_layers(folder: Path) -> list[SemanticLayer]:
    """Return the semantic layers, with the facts of a folder loaded; none without their environment."""
    if not _PYTHON.exists():
        return []
    return [
        SemanticLayer("Boring Semantic Layer", "boring", folder),
        SemanticLayer("Sidemantic", "sidemantic", folder),
    ]
