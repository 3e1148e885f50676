"""`python -m okube_api.bench.timing COMMAND...`: runs it; its seconds and its most memory (MiB) as JSON.

A process of its own, and a small one: a command counts the memory of whoever started it as its own.
"""

import json
import os
import subprocess
import sys
import time


def _main(command: list[str]) -> int:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "mib": used.ru_maxrss / 1024}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
