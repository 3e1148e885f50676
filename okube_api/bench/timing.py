"""Runs a command and prints its seconds and peak memory (MiB) as JSON: `python -m okube_api.bench.timing COMMAND...`.

This is a separate small process because the peak memory of a child process includes that of its parent at the fork.
"""

import json
import os
import subprocess
import sys
import time


def _main(command: list[str]) -> int:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "mib": usage.ru_maxrss / 1024}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
