"""Authorization details (RFC 9396) and claims beyond the usual ones, as values that can be hashed and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillit.errors import ConfigError

SYSTEM_USER: Final = "urn:altinn:systemuser"
_ORGNO: Final = re.compile(r"[0-9]{9}\Z")
_OURS: Final = frozenset(
    {
        "iss",
        "sub",
        "aud",
        "scope",
        "iat",
        "nbf",
        "exp",
        "jti",
        "resource",
        "consumer_org",
        "pid",
        "authorization_details",
    }
)


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The system user that the organisation `org` (nine digits) has given a vendor's system in Altinn.

    `external_ref` tells several of one organisation apart. Raises ConfigError.
    """

    org: str
    external_ref: str | None = None

    def __post_init__(self) -> None:
        if not _ORGNO.match(self.org):
            raise ConfigError("the org of a system user must be the nine digits of an organisation number")

    def detail(self) -> dict[str, Any]:
        """The object that stands for it among the authorization details."""
        organisation = {"authority": "iso6523-actorid-upis", "ID": f"0192:{self.org}"}
        detail: dict[str, Any] = {"type": SYSTEM_USER, "systemuser_org": organisation}
        return detail if self.external_ref is None else {**detail, "externalRef": self.external_ref}


def write_details(details: Iterable[SystemUser | Mapping[str, Any]] | None) -> str | None:
    """The details as JSON, in their order; None if there are none. Raises ConfigError for what is none."""
    found = [] if details is None else [d.detail() if isinstance(d, SystemUser) else d for d in details]
    if not all(isinstance(detail, Mapping) and isinstance(detail.get("type"), str) for detail in found):
        raise ConfigError("authorization_details must be objects with a type (RFC 9396 section 2)")
    return _text([dict(detail) for detail in found], "authorization_details") if found else None


def write_claims(claims: Mapping[str, Any] | None) -> str | None:
    """Extra claims as JSON; None if there are none. Raises ConfigError for one that has a place of its own."""
    taken = sorted(_OURS & set(claims or ()))
    if taken:
        raise ConfigError("extra_claims cannot set " + ", ".join(taken))
    return _text(dict(claims), "extra_claims") if claims else None


def canonical(text: str | None) -> str | None:
    """JSON text, the same for objects that differ in the order of their members only."""
    return None if text is None else json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def _text(value: object, name: str) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be made of JSON values") from None
