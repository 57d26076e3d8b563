"""What a token client tells its hooks: that something happened, and never a token, an assertion or a person."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from tillit.core.token import Token
from tillit.errors import ConfigError, Rejected

logger = logging.getLogger("tillit")


@dataclass(frozen=True, slots=True)
class CacheMiss:
    """A caller found no token that is good now, and waits. A token that is at hand is no event."""

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefreshStarted:
    """The authority is asked for a token, because a caller waits or because one is to be renewed."""

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retried:
    """The authority is asked again; `attempt` counts from 1, so the first retry is attempt 2."""

    scopes: tuple[str, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class RefreshSucceeded:
    """The authority gave a token after `duration` seconds, retries included; it is good for `expires_in` seconds."""

    scopes: tuple[str, ...]
    duration: float
    expires_in: int


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """The authority gave no token. `error` is the name of the error's class.

    `code` is that of a refusal, the finer one if there is one (`MP-251`, else `invalid_grant`), and None otherwise.
    """

    scopes: tuple[str, ...]
    duration: float
    error: str
    code: str | None


@dataclass(frozen=True, slots=True)
class RefusalRemembered:
    """The authority is not asked, because it refused the same a moment ago."""

    scopes: tuple[str, ...]


Event: TypeAlias = CacheMiss | RefreshStarted | Retried | RefreshSucceeded | RefreshFailed | RefusalRemembered
Hook: TypeAlias = Callable[[Event], object]


class Hooks:
    """Calls each hook with each event, in order. Raises ConfigError for a hook that would have to be awaited."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._hooks = tuple(hooks)
        for hook in self._hooks:
            if not callable(hook) or inspect.iscoroutinefunction(hook):
                raise ConfigError("a hook is a function of one event, and not an async one")

    def tell(self, event: Event) -> None:
        """Call the hooks. What they raise is logged: no token is lost to a broken counter."""
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                logger.exception("a hook failed at %s", type(event).__name__)

    def refresh(self, scopes: tuple[str, ...], monotonic: Callable[[], float]) -> Refresh:
        """One fetch from the authority, as a context."""
        return Refresh(self, scopes, monotonic)


class Refresh:
    """Tells how one fetch goes. Whatever raises out of it made it fail, a cancellation included."""

    def __init__(self, hooks: Hooks, scopes: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        self._hooks, self._scopes, self._monotonic = hooks, scopes, monotonic
        self._started = monotonic()

    def attempt(self, number: int) -> None:
        """Attempt `number` begins, from 1."""
        if number > 1:
            self._hooks.tell(Retried(self._scopes, number))

    def succeeded(self, token: Token) -> Token:
        """`token` came of it."""
        self._hooks.tell(RefreshSucceeded(self._scopes, self._duration(), token.lifetime))
        return token

    def __enter__(self) -> Self:
        self._hooks.tell(RefreshStarted(self._scopes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            code = error.mp_code or error.code or None if isinstance(error, Rejected) else None
            self._hooks.tell(RefreshFailed(self._scopes, self._duration(), type(error).__name__, code))

    def _duration(self) -> float:
        return self._monotonic() - self._started
