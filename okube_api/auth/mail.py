"""Sends mail by a command of the operator, such as `sendmail -t`."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from email.message import EmailMessage

import structlog

_TIMEOUT_S = 20.0

log = structlog.stdlib.get_logger("okube")


class MailFailed(Exception):
    """The command did not accept a message; the log says why."""


class MailCommand:
    """Runs the command without a shell, with one message on its standard input.

    command: the program and its arguments; None when no mail can be sent.
    """

    def __init__(self, command: str | None) -> None:
        self._arguments = shlex.split(command or "")

    @property
    def is_set(self) -> bool:
        """Whether mail can be sent."""
        return bool(self._arguments)

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Send a message.  Raise MailFailed when the command cannot be run, fails or takes more than 20 s."""
        message = EmailMessage()
        message["To"], message["Subject"] = recipient, subject
        message.set_content(text)
        try:
            status = await asyncio.wait_for(self._run(bytes(message)), _TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            log.error("the mail command could not be run", error=repr(error))
            raise MailFailed from error
        if status != 0:
            log.error("the mail command failed", status=status)
            raise MailFailed

    async def _run(self, message: bytes) -> int:
        process = await asyncio.create_subprocess_exec(*self._arguments, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL)
        try:
            await process.communicate(message)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0
