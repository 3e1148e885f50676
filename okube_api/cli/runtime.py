"""Helpers of all commands: output, errors, access to the store or to a running server."""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from okube_api.auth.secret import BadSecret, load_secret_key
from okube_api.auth.secret_fingerprint import claim_store
from okube_api.cli.requests import RemoteError
from okube_api.cli.text_tables import make_printable
from okube_api.clock import utc_now
from okube_api.errors import Refusal, format_suggestion
from okube_api.http.listener import new_event_loop
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME, open_store
from okube_api.store.errors import StoreError, StoreFull, Unavailable
from okube_api.store.protocol import Store
from okube_api.store_schema import SCHEMA

if TYPE_CHECKING:
    from okube_api.api.container import Services

_OTHER_VARIABLES = ("OKUBE_TOKEN", "OKUBE_URL", "OKUBE_DEMO_PASSWORD")
"""Variables that are no settings of the server: those of commands and of the Python client."""

_TEST_PREFIX = "OKUBE_TEST_"
_warned: set[str] = set()

console = Console(stderr=True, highlight=False)


def echo(message: str) -> None:
    """Print a message to the standard error output, which progress bars use, too.

    Control characters are replaced: a message may repeat names of files, sites and a server.
    """
    lines = (make_printable(line) for line in message.split("\n"))
    console.print("\n".join(lines), markup=False, emoji=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print an error and exit with status 1."""
    echo(f"okube-api: {message}")
    raise typer.Exit(1)


def write_output(content: bytes) -> None:
    """Write UTF-8 to the standard output, which may have another encoding for texts."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def write_json(documents: Sequence[Mapping[str, Any]]) -> None:
    """Write documents as a JSON list to the standard output."""
    write_output(orjson.dumps(documents, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show_status(text: str) -> AbstractContextManager[object]:
    """Show a text on the terminal while the block runs."""
    return console.status(Text(make_printable(text)))


def run_command(work: Coroutine[Any, Any, None], *, warns_of_variables: bool = True) -> None:
    """Run the coroutine of a command; report errors as `report_errors` does.

    After Ctrl-C the coroutine is cancelled, and what it had not completed is undone.
    warns_of_variables: whether unknown `OKUBE_` variables are named; not in a process that a command starts.
    """
    with report_errors(warns_of_variables=warns_of_variables), asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work)


@contextmanager
def report_errors(*, warns_of_variables: bool = True) -> Iterator[None]:
    """Print expected errors as one sentence, without a traceback, and exit with 1; after Ctrl-C, exit with 130.

    warns_of_variables: whether unknown `OKUBE_` variables are named first.
    """
    if warns_of_variables:
        warn_of_unknown_variables(os.environ)
    if not structlog.is_configured():  # by the server; the default is the standard output, which has the figures
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        yield
    except KeyboardInterrupt:
        echo("okube-api: interrupted.")
        raise typer.Exit(130) from None
    except ValidationError as error:  # of the settings
        faults = [(f"OKUBE_{str(fault['loc'][0]).upper()}", fault["msg"]) for fault in error.errors()]
        fail("; ".join(f"{name}: {message.removeprefix('Value error, ')}" for name, message in faults))
    except Unavailable as error:
        is_embedded = os.environ.get("OKUBE_STORE_URL", EMBEDDED_SCHEME).startswith(EMBEDDED_SCHEME)
        fail(str(error) if is_embedded else f"{error}. Is the database of OKUBE_STORE_URL running?")
    except StoreFull as error:
        fail(f"{error} Free some space, then run the command again.")
    except Refusal as error:
        fail(" ".join([error.detail, *(fault.message for fault in error.faults if fault.message != error.detail)]))
    except (BadSecret, StoreError, RemoteError, ValueError) as error:
        fail(str(error))
    except BrokenPipeError:  # the reader of the output has ended; `cli.main` ends the process without a message
        raise
    except OSError as error:
        if error.strerror is None:
            raise
        fail(describe_os_error(error))


def require_store(settings: Settings, *, has_url: bool = True) -> None:
    """Raise ValueError when there is no embedded store yet at the URL of the settings, OSError when it cannot be found.

    Without this, a command in a wrong folder creates an empty store there.
    has_url: whether the command has the option --url.
    """
    if not settings.store_url.startswith(EMBEDDED_SCHEME):
        return
    try:
        settings.store_path.stat()
    except FileNotFoundError:
        hint = ", or use a running server with --url" if has_url else ""
        raise ValueError(f"There is no store at {settings.store_path}. Set OKUBE_STORE_URL{hint}.") from None


def ask_person(question: str, *, hides_input: bool = False, confirms: bool = False) -> str:
    """Ask a person on the terminal, and return what was typed.  Raise KeyboardInterrupt after Ctrl-C or Ctrl-D.

    A running event loop would turn Ctrl-C into the cancellation of a task that never gets to run while this waits.
    confirms: whether the text has to be typed twice.
    """
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return str(typer.prompt(question, hide_input=hides_input, confirmation_prompt=confirms, err=True))
    except typer.Abort:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, handler)


def describe_os_error(error: OSError) -> str:
    """Return a sentence on an error of the operating system, with the file, and what would work if that is clear."""
    place = f"'{error.filename}': " if error.filename is not None else ""
    advice = {
        errno.EEXIST: " Choose another file in OKUBE_STORE_URL.",
        errno.ENOTDIR: " Choose another file in OKUBE_STORE_URL.",
        errno.EACCES: " Choose another folder (OKUBE_STORE_URL or --folder), or change its permissions.",
        errno.EPERM: " Choose another folder (OKUBE_STORE_URL or --folder), or change its permissions.",
        errno.EROFS: " Choose another folder (OKUBE_STORE_URL or --folder).",
        errno.ENOSPC: " Free some space, then run the command again.",
        errno.EDQUOT: " Free some space, then run the command again.",
    }
    return f"{place}{error.strerror}.{advice.get(error.errno or 0, '')}"


def warn_of_unknown_variables(environment: Mapping[str, str]) -> None:
    """Warn once of each `OKUBE_` variable that no command reads, with the most similar name of one that is read."""
    variables = [f"OKUBE_{name.upper()}" for name in Settings.model_fields]
    variables += _OTHER_VARIABLES
    for name in sorted(environment):
        if not name.startswith("OKUBE_") or name in variables or name.startswith(_TEST_PREFIX) or name in _warned:
            continue
        _warned.add(name)
        suggestion = format_suggestion(name, variables) or " docs/settings.md lists the variables."
        echo(f"okube-api: warning: {name} is unknown and ignored.{suggestion}")


@asynccontextmanager
async def open_services(settings: Settings) -> "AsyncIterator[Services]":
    """Open the store of the settings and yield the services on it; close the store at the end."""
    from okube_api.api.container import build_services  # noqa: PLC0415 - a command with --url does not need it

    secret = load_secret_key(settings)
    store = build_store(settings)
    await store.start()
    try:
        await claim_store(store, secret)
        services = build_services(settings, store, utc_now, secret)
        await services.invalidation.request_upgrade()
        yield services
    finally:
        await store.close()


def build_store(settings: Settings) -> Store:
    """Return the store that the settings name, not started."""
    return open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)
