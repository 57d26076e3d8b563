"""What an application asks for: one token request, as a value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tillit.core.details import SystemUser, canonical, write_claims, write_details
from tillit.errors import ConfigError

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}\Z")
_ORGNO: Final = re.compile(r"[0-9]{9}\Z")
_PID: Final = re.compile(r"[0-9]{11}\Z")

Scopes: TypeAlias = "str | Iterable[str]"


@dataclass(frozen=True, init=False, slots=True)
class TokenRequest:
    """Scopes and, where asked for, an audience, a delegating organisation and a person.

    `resource` becomes the token's audience (RFC 8707). `consumer_org` is the nine-digit number of the organisation
    on whose behalf a supplier asks. `pid` is the eleven-digit number of a person; it is hidden in `repr`.
    `authorization_details` are objects (RFC 9396) or `SystemUser`s, `extra_claims` go into the assertion and
    cannot replace a usual one; both are kept as JSON and hidden in `repr`.
    Scopes and details keep their order for sending. Raises ConfigError for values no authority would take.
    """

    scopes: tuple[str, ...]
    resource: str | None = None
    consumer_org: str | None = None
    pid: str | None = field(default=None, repr=False)
    authorization_details: str | None = field(default=None, repr=False)
    extra_claims: str | None = field(default=None, repr=False)

    def __init__(
        self,
        scopes: Scopes,
        resource: str | None = None,
        consumer_org: str | None = None,
        pid: str | None = None,
        authorization_details: Iterable[SystemUser | Mapping[str, Any]] | None = None,
        extra_claims: Mapping[str, Any] | None = None,
    ) -> None:
        names = tuple(scopes.split()) if isinstance(scopes, str) else tuple(scopes)
        if not names or not all(isinstance(name, str) and _SCOPE.match(name) for name in names):
            raise ConfigError("scopes must be one or more scope names (RFC 6749 section 3.3)")
        if consumer_org is not None and not _ORGNO.match(consumer_org):
            raise ConfigError("consumer_org must be the nine digits of an organisation number")
        if pid is not None and not _PID.match(pid):
            raise ConfigError("pid must be eleven digits")
        object.__setattr__(self, "scopes", tuple(dict.fromkeys(names)))
        object.__setattr__(self, "resource", resource)
        object.__setattr__(self, "consumer_org", consumer_org)
        object.__setattr__(self, "pid", pid)
        object.__setattr__(self, "authorization_details", write_details(authorization_details))
        object.__setattr__(self, "extra_claims", write_claims(extra_claims))


def cache_key(request: TokenRequest, *, authority: str, client_id: str, signer: str) -> str:
    """A digest of everything the token depends on; the order of the scopes is not part of it.

    `signer` is the thumbprint of the signer. A digest, so that neither `pid` nor organisation shows in a store.
    """
    inputs = [
        "tillit-1",
        authority,
        client_id,
        signer,
        sorted(request.scopes),
        request.resource,
        request.consumer_org,
        request.pid,
    ]
    if request.authorization_details or request.extra_claims:
        inputs += [canonical(request.authorization_details), canonical(request.extra_claims)]
    return hashlib.sha256(json.dumps(inputs, separators=(",", ":")).encode("ascii")).hexdigest()
