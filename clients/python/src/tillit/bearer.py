"""The bearer token in a request (RFC 6750 section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tillit.access_errors import InvalidRequest, MissingToken

_CREDENTIALS: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *\Z", re.IGNORECASE)


def bearer_token(authorization: Sequence[str]) -> str:
    """The token in the Authorization header lines of a request.

    Raises MissingToken when there are no bearer credentials, InvalidRequest when they are malformed or there are two.
    Tokens in the query or the body are not looked for: both end up in logs (RFC 9700 section 4.3.2).
    """
    if not authorization:
        raise MissingToken("no Authorization header")
    if len(authorization) > 1:
        raise InvalidRequest("more than one Authorization header")
    scheme = authorization[0].strip().split(" ", 1)[0]
    if scheme.lower() != "bearer":
        raise MissingToken("the credentials are not of the Bearer scheme")
    found = _CREDENTIALS.match(authorization[0].strip())
    if found is None:
        raise InvalidRequest("the bearer credentials are malformed")
    return found.group(1)
