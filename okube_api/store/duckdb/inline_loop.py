"""An event loop that runs each blocking call at once, in its own thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class InlineLoop(asyncio.SelectorEventLoop):
    """The event loop of a thread that has nothing else to do: a call in another thread would be no gain.

    The result of `asyncio.to_thread` is there at once, so that awaiting it costs no turn of the loop.
    """

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - there is one thread
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run the call and return its result as a future."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:
            future.set_exception(error)
        return future
