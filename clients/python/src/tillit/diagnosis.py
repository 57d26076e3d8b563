"""What keeps a client from its tokens: one look at each thing a token needs, in the order in which it needs them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from tillit.access_errors import AccessError
from tillit.client import TokenClient
from tillit.config import ClientConfig
from tillit.core.authority import Authority
from tillit.core.hints import hint_for
from tillit.core.policy import NO_AUDIENCE, Policy
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.errors import ConfigError, MalformedResponse, Rejected, TillitError, Unavailable
from tillit.jose.encoding import MalformedJose
from tillit.jose.unverified import unverified_audience
from tillit.jwks import JwksSource
from tillit.route import Route
from tillit.transport import Transport, Unreachable, fetch_metadata
from tillit.validator import TokenValidator

Step = Literal["settings", "metadata", "clock", "token", "validation"]
STEPS: Final[tuple[Step, ...]] = ("settings", "metadata", "clock", "token", "validation")
_WITHIN: Final = 10.0
_MOST_BYTES: Final = 256 * 1024
# Assertions are refused from about ten seconds of difference on.
_MOST_SKEW: Final = 10.0
_CODE: Final = re.compile(r"\b(?:MP|AS)-[0-9]{3}\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one step. `advice` is what to do, empty if nothing; `code` that of a refusal."""

    step: Step
    good: bool
    text: str
    advice: str = ""
    code: str = ""


class Examination:
    """Looks at one client's settings, its authority, its clock and its tokens. `clock` gives wall time in seconds.

    `thumbprint` is that of the key registered on the client (RFC 7638), which the authority tells nobody but whoever
    administers the client.
    """

    def __init__(
        self,
        settings: Callable[[], ClientConfig],
        clock: Callable[[], float] = time.time,
        thumbprint: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._thumbprint = thumbprint

    def findings(self) -> Iterator[Finding]:
        """One finding a step, up to and with the first that is not good: what comes after would fail for its sake."""
        step: Step = "settings"
        try:
            config = self._settings()
            known = self._look_at_key(config)
            yield known
            if not known.good:
                return
            step = "metadata"
            authority = self._authority(config)
            yield Finding(step, good=True, text=f"{authority.issuer} issues tokens at {authority.token_endpoint}")
            clock = self._look_at_clock(authority, config.route)
            yield clock
            if not clock.good:
                return
            step = "token"
            token = _token(config)
            text = f"{' '.join(token.scopes)} for {int(token.expires_in())} s"
            yield Finding(step, good=True, text=text)
            yield _validated(token, authority, config.route)
        except TillitError as error:
            yield _failed(step, error)

    def _look_at_key(self, config: ClientConfig) -> Finding:
        signer, registered = config.signer, self._thumbprint
        text = f"{config.client_id} signs by {signer.alg}, key {signer.thumbprint}"
        if registered is None:
            return Finding("settings", good=True, text=text)
        if registered != signer.thumbprint:
            advice = (
                "Register the public half of this key on the client, or set the private half of the registered one."
            )
            return Finding("settings", good=False, text=f"{text}; registered is {registered}", advice=advice)
        return Finding("settings", good=True, text=f"{text}, as registered")

    def _authority(self, config: ClientConfig) -> Authority:
        where = config.where
        return (
            where
            if isinstance(where, Authority)
            else fetch_metadata(where, transport=Transport(route=config.route), within=_WITHIN)
        )

    def _look_at_clock(self, authority: Authority, route: Route) -> Finding:
        try:
            # Whatever a token endpoint answers to an empty request, it says what time it is.
            reply = Transport(route=route).send(
                "POST", authority.token_endpoint or "", form={}, within=_WITHIN, max_bytes=_MOST_BYTES
            )
            there = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except Unreachable as error:
            raise Unavailable(f"token endpoint: {error}") from None
        except (TypeError, ValueError):
            return Finding("clock", good=True, text="the authority does not say what time it is")
        skew = there - self._clock()
        if abs(skew) <= _MOST_SKEW:
            return Finding("clock", good=True, text=f"within {abs(skew):.0f} s of the authority's")
        direction = "behind" if skew > 0 else "ahead of"
        text = f"this machine's clock is {abs(skew):.0f} s {direction} the authority's"
        return Finding("clock", good=False, text=text, advice="Set the clock, and keep it by NTP.")


def _token(config: ClientConfig) -> Token:
    with TokenClient(config, retry=RetryPolicy(attempts=1)) as client:
        return client.get()


def _validated(token: Token, authority: Authority, route: Route) -> Finding:
    if authority.jwks_uri is None:
        return Finding("validation", good=True, text="not done: the settings name no key set")
    try:
        # As the API would to which the token is addressed.
        policy = Policy(authority.issuer, unverified_audience(token.value) or NO_AUDIENCE)
        TokenValidator(policy, JwksSource(authority, route=route)).validate(token.value)
    except (AccessError, MalformedJose) as error:
        advice = "An API would refuse this token: look whether ISSUER and JWKS_URI belong together."
        return Finding("validation", good=False, text=str(error), advice=advice)
    return Finding("validation", good=True, text="an API finds the token good")


def _failed(step: Step, error: TillitError) -> Finding:
    if isinstance(error, Rejected):
        code = error.mp_code or error.code
        traced = f" (trace_id: {error.trace_id})" if error.trace_id else ""
        return Finding(step, good=False, text=f"{error}{traced}", advice=error.hint or "", code=code)
    # What is out of order or busy may say why, by a code too.
    said = _CODE.search(str(error))
    code = said.group() if said else ""
    return Finding(
        step, good=False, text=str(error), advice=hint_for(code, "", None) or _advice(step, error), code=code
    )


def _advice(step: Step, error: TillitError) -> str:
    if isinstance(error, ConfigError):
        return "Correct the settings." if step == "settings" else "Compare ISSUER with what the metadata say."
    if isinstance(error, MalformedResponse):
        return "Something else answers there: look at the address, and for a proxy between."
    if isinstance(error, Unavailable):
        return "Look at the address, name service, firewalls and proxies, and whether its certificate is trusted here."
    return ""
