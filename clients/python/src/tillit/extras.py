"""What is said when a framework is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Imports of an extra's packages. Raises ImportError that names the extra."""
    try:
        yield
    except ImportError as error:
        raise ImportError(f"this needs the extra `{extra}`: install tillit[{extra}]", name=error.name) from error
