"""A validated access token as an API sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tillit.core.confirmation import Confirmation

ISO6523 = "iso6523-actorid-upis"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as tokens name it: `{"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}`.

    `icd` is the register (`0192` is the Norwegian one), empty where the identifier has none. `suffix` holds what
    follows the number, for identifiers of sub-units.
    """

    authority: str
    icd: str
    number: str
    suffix: str = ""

    @staticmethod
    def parse(claim: object) -> Organisation:
        """The organisation in a `consumer` or `supplier` claim. Raises ValueError if it is none."""
        members = claim if isinstance(claim, Mapping) else {}
        authority, identifier = members.get("authority"), members.get("ID")
        if not isinstance(authority, str) or not isinstance(identifier, str) or not authority or not identifier:
            raise ValueError("not an organisation")
        first, colon, rest = identifier.partition(":")
        if not colon:
            return Organisation(authority, "", identifier)
        number, _, suffix = rest.partition(":")
        if not first or not number:
            raise ValueError("not an organisation")
        return Organisation(authority, first, number, suffix)

    @property
    def id(self) -> str:
        """The identifier as tokens write it: `0192:991825827`."""
        return ":".join(part for part in (self.icd, self.number, self.suffix) if part)


class Claims(Mapping[str, Any]):
    """The members of a JSON object, for reading: lists and objects in it are handed out as copies.

    One validated token may serve many requests, and none of them can change what the next one reads. Hidden in `repr`.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)

    def __getitem__(self, name: str) -> Any:
        value = self._members[name]
        return deepcopy(value) if isinstance(value, dict | list) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"Claims({len(self)} members)"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who calls, for whom, with which rights. Only a validator makes one. Times are seconds since the Unix epoch.

    `consumer` is the organisation that was granted access; `supplier` the one that asks in its name, if any, under a
    delegation registered at `delegation_source`. When the delegation was handed on, `delegation_chain` names everybody
    it went through, from the consumer's first supplier to `supplier`; otherwise it is empty. `client_id` is for logs:
    access is decided on `consumer`. `confirmation` is what the token is bound to; the sender has proven to hold it.
    """

    issuer: str
    client_id: str
    consumer: Organisation
    scopes: frozenset[str]
    issued_at: int
    expires_at: int
    jti: str
    supplier: Organisation | None = None
    delegation_source: str | None = None
    delegation_chain: tuple[Organisation, ...] = ()
    audience: tuple[str, ...] = ()
    client_amr: str | None = None
    subject: str | None = None
    pid: str | None = field(default=None, repr=False)
    authorization_details: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    confirmation: Confirmation | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_delegated(self) -> bool:
        """Whether a supplier acts in the consumer's name."""
        return self.supplier is not None
