"""The logging of the process, which tests change and others need as it was."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def keep_logging() -> Iterator[None]:
    """Remove the log handlers that are added within this context, and restore the level and structlog."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    config = structlog.get_config() if structlog.is_configured() else None
    try:
        yield
    finally:
        for handler in list(root.handlers):
            if type(handler) is logging.StreamHandler and handler not in handlers:  # those of pytest are of other types
                root.removeHandler(handler)
        root.setLevel(level)
        if config is not None:
            structlog.configure(**config)
        else:
            structlog.reset_defaults()
