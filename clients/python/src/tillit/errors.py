"""What can go wrong on the way to a token, by what the caller can do about it.

No message, attribute or repr holds a token, an assertion or key text. Every error can be copied and pickled, because
one failure is handed to all threads and tasks that waited for it.
"""

from __future__ import annotations

import re

_JWT_LIKE = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)+")
_MAX_TEXT = 500


def redact(text: str) -> str:
    """`text` from outside made fit for a message: no JWT, no control characters, at most 500 characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * _MAX_TEXT])
    return _JWT_LIKE.sub("[token removed]", printable)[:_MAX_TEXT].strip()


class TillitError(Exception):
    """Any error of this library. Its message is its one positional argument."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class TokenError(TillitError):
    """No token could be had."""


class ConfigError(TokenError, ValueError):
    """The configuration or the request cannot work as written. Trying again changes nothing."""


class Rejected(TokenError):
    """The authority answered no (RFC 6749 section 5.2). Trying again unchanged gets the same answer.

    `code` is the OAuth error, `mp_code` the finer code in the description (`MP-251`, `AS-012`) or None, `trace_id`
    what the authority's operator can look the refusal up by, `hint` what to do about it, and `skew` how many seconds
    the authority's clock is ahead of ours. `remembered` says that nothing was sent: the same request was refused a
    moment ago, and `force=True` asks again.
    """

    def __init__(  # noqa: PLR0913 - one argument an attribute
        self,
        message: str = "",
        *,
        code: str = "",
        description: str = "",
        mp_code: str | None = None,
        status: int = 400,
        trace_id: str | None = None,
        hint: str | None = None,
        skew: float | None = None,
        remembered: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.description = description
        self.mp_code = mp_code
        self.status = status
        self.trace_id = trace_id
        self.hint = hint
        self.skew = skew
        self.remembered = remembered


class Throttled(TokenError):
    """The authority asks for fewer requests (429). `retry_after` is in seconds, None if it did not say."""

    def __init__(self, message: str = "", *, retry_after: float | None = None, trace_id: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.trace_id = trace_id


class Unavailable(TokenError):
    """The authority could not be reached in time or is out of order (408, 5xx). Trying again later may work.

    `status` is None when no answer came; `retry_after` is in seconds, None if the authority did not say.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.trace_id = trace_id


class MalformedResponse(TokenError):
    """Something answered, but not as a token endpoint does: often a proxy, or a wrong address."""

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
