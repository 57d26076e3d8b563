"""What a request shows an API: the access token, and whatever proves that the sender may use it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tillit.access_errors import InvalidRequest, MissingToken

BEARER: Final = "Bearer"
DPOP: Final = "DPoP"
_SCHEMES: Final = {"bearer": BEARER, "dpop": DPOP}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")


@dataclass(frozen=True, slots=True)
class Presented:
    """A token and its proofs as plain data, for any framework to fill in.

    `scheme` is `Bearer` or `DPoP`. `method` and `url` are those of the request; of the URL the path alone is believed,
    for scheme and host are what the sender says. `dpop` are the lines of the DPoP header. `client_certificate` is the
    certificate (DER) that the TLS connection proved; only pass one that no client can have written by itself.
    """

    scheme: str
    token: str = field(repr=False)
    method: str = ""
    url: str = ""
    dpop: tuple[str, ...] = field(default=(), repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)

    @staticmethod
    def read(
        authorization: Sequence[str],
        *,
        method: str = "",
        url: str = "",
        dpop: Sequence[str] = (),
        client_certificate: bytes | None = None,
    ) -> Presented:
        """What the lines of the Authorization and DPoP headers present (RFC 6750 section 2.1, RFC 9449 section 7.1).

        Raises MissingToken when no token came, InvalidRequest when it is malformed or there are two. Tokens in the
        query or the body are not looked for: both end up in logs (RFC 9700 section 4.3.2).
        """
        if not authorization:
            raise MissingToken("no Authorization header")
        if len(authorization) > 1:
            raise InvalidRequest("more than one Authorization header")
        name, _, rest = authorization[0].strip().partition(" ")
        scheme = _SCHEMES.get(name.lower())
        if scheme is None:
            raise MissingToken("the credentials are neither of the Bearer nor of the DPoP scheme")
        token = rest.strip(" ")
        if not _TOKEN.match(token):
            raise InvalidRequest("the credentials are malformed")
        return Presented(scheme, token, method, url, tuple(dpop), client_certificate)
