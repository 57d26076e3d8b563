"""What an adapter asks for with each request of an HTTP library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from tillit.core.request import TokenRequest

Asked: TypeAlias = TokenRequest | str | Iterable[str] | None


def repeatable(request: Asked) -> TokenRequest | str | tuple[str, ...] | None:
    """`request` as a value that can be asked for again and again: an iterator can be read once."""
    return request if request is None or isinstance(request, str | TokenRequest) else tuple(request)
