"""The claims of an assertion, each with its exact type and bounds. Read only after the signature is verified."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from authserver.oauth import limits, orgno, scope
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.profiles import RequestProfile

_JTI = re.compile(rf"[A-Za-z0-9._~:+/=-]{{1,{limits.JTI_CHARS}}}")
_PID = re.compile(r"[0-9]{11}")
_STRANGE = re.compile(r"[^A-Za-z0-9._:/-]")


class Claims:
    """One assertion's claims under one request profile."""

    def __init__(self, claims: Mapping[str, Any], profile: RequestProfile) -> None:
        self._claims = claims
        self._profile = profile

    def judge_audience(self, issuer: str) -> None:
        """Require our issuer, exactly, and nobody beside us: a string or an array of one (RFC 7523 §3(3))."""
        if self._claims.get("aud") not in (issuer, [issuer]):
            raise Refusal(Reason.AUDIENCE)

    def judge_subject(self, client_id: str, *, required: bool) -> None:
        """Let `sub` only name the client; required of client authentication (RFC 7523 §3(2))."""
        if required and "sub" not in self._claims:
            raise _missing("sub")
        if self._claims.get("sub", client_id) != client_id:
            raise Refusal(Reason.SUBJECT)

    def judge_times(self, now: int) -> int:
        """Judge `exp`, `iat` and `nbf`; return until when the assertion must be remembered (RFC 7523 §3(4)-(6))."""
        issued, expires = self._time("iat"), self._time("exp")
        if issued > now + limits.CLOCK_SKEW:
            raise Refusal(Reason.NOT_YET)
        if expires - issued > self._profile.life:
            raise Refusal(Reason.LIFETIME, value=str(self._profile.life))
        if expires <= now - limits.CLOCK_SKEW or expires <= issued:
            raise Refusal(Reason.EXPIRED)
        if self._profile.age is not None and issued < now - self._profile.age:
            raise Refusal(Reason.TOO_OLD)
        if "nbf" in self._claims and self._time("nbf") > now + limits.CLOCK_SKEW:
            raise Refusal(Reason.NOT_YET)
        return expires + limits.CLOCK_SKEW + limits.REPLAY_MARGIN

    def judge_names(self, known: frozenset[str]) -> None:
        """Refuse a claim we do not know, by name: the sender believes that it means something."""
        for name in self._claims:
            if name not in known:
                raise Refusal(Reason.CLAIM_UNKNOWN, value=_printable(name))
        if "authorization_details" in self._claims:
            raise Refusal(Reason.AUTHORIZATION_DETAILS)

    def jti(self) -> str | None:
        """Return the `jti`, or None where the profile lets it be absent (RFC 7519 §4.1.7)."""
        jti = self._claims.get("jti")
        if jti is None and "jti" not in self._claims:
            if self._profile.jti_required:
                raise _missing("jti")
            return None
        if not isinstance(jti, str) or not _JTI.fullmatch(jti):
            raise _malformed("jti")
        return jti

    def scopes(self, in_form: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the requested scopes in order; the form may say them instead, or the same again."""
        value = self._claims.get("scope")
        if value is None and in_form is not None:
            return in_form
        if value is None:
            raise _missing("scope")
        if not isinstance(value, str):
            raise _malformed("scope")
        scopes = scope.parse_request(value)
        if in_form not in (None, scopes):
            raise Refusal(Reason.PARAMETER_DISAGREES, detail="scope")
        return scopes

    def resources(self, in_form: tuple[str, ...]) -> tuple[str, ...]:
        """Return the requested resources: a string or an array of strings (RFC 8707 §2)."""
        value = self._claims.get("resource", [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise _malformed("resource")
        if len(listed) > limits.RESOURCES_PER_REQUEST:
            raise Refusal(Reason.RESOURCE)
        if listed and in_form and tuple(listed) != in_form:
            raise Refusal(Reason.PARAMETER_DISAGREES, detail="resource")
        return tuple(listed) or in_form

    def consumer_org(self, in_form: str | None) -> str | None:
        """Return the organisation acted for, nine digits, or None."""
        value = self._claims.get("consumer_org", in_form)
        if in_form not in (None, value):
            raise Refusal(Reason.PARAMETER_DISAGREES, detail="consumer_org")
        if value is not None and not (isinstance(value, str) and orgno.is_nine_digits(value)):
            raise _malformed("consumer_org")
        return value

    def pid(self) -> str | None:
        """Return the person concerned, judged by form only: the person has not logged in."""
        value = self._claims.get("pid")
        if value is not None and not (isinstance(value, str) and _PID.fullmatch(value)):
            raise _malformed("pid")
        return value

    def _time(self, name: str) -> int:
        """Read a NumericDate: an integer, or a float where the profile says so; a boolean is neither."""
        value = self._claims.get(name)
        if value is None:
            raise _missing(name)
        if type(value) is int or (type(value) is float and self._profile.float_times):
            return int(value)
        raise _malformed(name)


def _missing(name: str) -> Refusal:
    return Refusal(Reason.CLAIM_MISSING, value=name)


def _malformed(name: str) -> Refusal:
    return Refusal(Reason.CLAIM_VALUE, value=name)


def _printable(name: str) -> str:
    """A claim's name as it may stand in an answer and a log: bounded, plain ASCII."""
    return _STRANGE.sub("?", name[: limits.CLAIM_NAME_CHARS])
