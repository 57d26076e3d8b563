"""What a path of an API demands. Where a path may be read in two ways, the strict one counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tillit.access import check_access
from tillit.access_errors import InsufficientScope, InvalidRequest
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.requirements import Requirement
from tillit.errors import ConfigError

# A slash or backslash in disguise, a percent sign that hides another escape, NUL, and what ends a line.
_HIDDEN: Final = re.compile(rb"%(?:2f|5c|25|00|0a|0d|2e)", re.IGNORECASE)
_UNCLEAR: Final = re.compile(r"//|/\.{1,2}(?=/|;|\Z)|\\|%[0-9a-fA-F]{2}|[\x00-\x1f\x7f-\x9f\ufffd]")


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes: a good token, these `scopes`, a consumer and a token for which `consumer` and `where` are true.

    `where` is for all that scopes do not say: `where=lambda token: token.supplier is None` admits consumers themselves.
    With `optional` nothing is demanded of a request without a token; one that comes must be good all the same.
    """

    scopes: Requirement | None = None
    consumer: Callable[[Organisation], bool] | None = None
    where: Callable[[AccessToken], bool] | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        if self.optional and (self.scopes is not None or self.consumer is not None or self.where is not None):
            raise ConfigError("access that is optional demands no scopes, no consumer and nothing of the token")

    def check(self, token: AccessToken) -> None:
        """Whether a validated `token` gives this access. Raises InsufficientScope."""
        check_access(token, self.scopes, self.consumer)
        if self.where is not None and not self.where(token):
            raise InsufficientScope("tokens such as this are not admitted here")


TOKEN: Final = Access()
OPEN: Final = Access(optional=True)


class AmbiguousPath(InvalidRequest):
    """The path can be read in two ways, and rules for paths must not be: 400."""

    description = "The address of the request is ambiguous."


@dataclass(frozen=True, slots=True)
class Rule:
    """What `path` and everything below it demands: an Access, or the scopes alone.

    `path` begins with a slash and is written without escapes; `/things` covers `/things/7` and not `/thingsome`. With
    `methods` the rule says nothing of other methods; HEAD is covered by GET. Raises ConfigError.
    """

    path: str
    access: Access | Requirement = TOKEN
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or _UNCLEAR.search(self.path) or set(self.path) & set("?#;"):
            raise ConfigError(f"{self.path!r} is not the path of a rule")
        if any(method != method.upper() or not method.isascii() for method in self.methods):
            raise ConfigError("methods are written in capitals")

    @property
    def demand(self) -> Access:
        """The access it takes."""
        return self.access if isinstance(self.access, Access) else Access(self.access)

    def covers(self, path: str, method: str) -> bool:
        """Whether this rule speaks of a request.

        A rule that demands something covers every spelling that some router might take for its path: other case, and
        parameters after a semicolon. One that opens a path opens that spelling alone.
        """
        asked = method.upper()
        if self.methods and asked not in self.methods and not (asked == "HEAD" and "GET" in self.methods):
            return False
        if self.demand.optional:
            return _is_below(path, self.path)
        return _is_below(_folded(path), _folded(self.path))


class Rules:
    """Rules by the longest path that covers a request; `otherwise` is what all other paths demand."""

    def __init__(self, rules: Iterable[Rule] = (), otherwise: Access | Requirement = TOKEN) -> None:
        # Of two rules for one path, the one that demands something comes first.
        self._rules = sorted(rules, key=lambda rule: (-len(_segments(rule.path)), rule.demand.optional))
        self._otherwise = otherwise if isinstance(otherwise, Access) else Access(otherwise)

    def access(self, path: str, method: str, raw_path: bytes | None = None) -> Access:
        """What a request demands. `path` is decoded, `raw_path` as it came, where the server tells.

        Raises AmbiguousPath for dot segments, double slashes, and slashes, dots and escapes in disguise.
        """
        if not self._rules:
            return self._otherwise
        path = path or "/"
        hidden = raw_path is not None and _HIDDEN.search(raw_path.split(b"?", 1)[0])
        if not path.startswith("/") or hidden or _UNCLEAR.search(path):
            raise AmbiguousPath("the path can be read in two ways")
        return next((rule.demand for rule in self._rules if rule.covers(path, method)), self._otherwise)


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _is_below(path: str, prefix: str) -> bool:
    wanted = _segments(prefix)
    return _segments(path)[: len(wanted)] == wanted


def _folded(path: str) -> str:
    plain = "/".join(segment.split(";", 1)[0].strip(" .") for segment in path.split("/"))
    return unicodedata.normalize("NFKC", plain).casefold()
