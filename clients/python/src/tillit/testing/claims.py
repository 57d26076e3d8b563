"""The claims of an assertion, each judged by its exact type and bounds, once its signature is verified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from tillit.testing.assertions import Assertion, Rules
from tillit.testing.forms import MAX_RESOURCES, ORGNO, TokenForm, read_scope
from tillit.testing.refusals import Refused

_SKEW: Final = 10
_JTI: Final = re.compile(r"[A-Za-z0-9._~:+/=-]{1,256}")
_PID: Final = re.compile(r"[0-9]{11}")
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._:/-]")
_KNOWN: Final = frozenset({"iss", "sub", "aud", "exp", "iat", "nbf", "jti"})
_OF_GRANTS: Final = frozenset({"scope", "resource", "consumer_org", "pid", "authorization_details"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a proven assertion asks for, and its name for single use."""

    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    consumer_org: str | None
    pid: str | None
    once: str
    remember_until: int


class Claims:
    """The claims of an assertion whose signature is verified."""

    def __init__(self, assertion: Assertion, form: TokenForm, rules: Rules) -> None:
        self._assertion = assertion
        self._claims = assertion.claims
        self._form = form
        self._rules = rules

    def judge(self, client_id: str, issuer: str, now: int) -> Asked:
        """Everything that is asked for, once every claim is in order. Raises Refused."""
        if self._form.grant_type not in self._rules.grants:
            raise Refused("grant.not.allowed")
        if self._claims.get("aud") not in (issuer, [issuer]):
            raise Refused("audience")
        if self._form.authenticates and "sub" not in self._claims:
            raise Refused("claim.missing", "sub")
        if self._claims.get("sub", client_id) != client_id:
            raise Refused("subject")
        remember_until = self._judge_times(now)
        self._judge_names()
        if self._form.client_id not in (None, client_id):
            raise Refused("parameter.disagrees")
        once = self._once()
        return Asked(self._scopes(), self._resources(), self._consumer_org(), self._pid(), once, remember_until)

    def _judge_times(self, now: int) -> int:
        issued, expires = self._time("iat"), self._time("exp")
        if issued > now + _SKEW:
            raise Refused("not.yet")
        if expires - issued > self._rules.life:
            raise Refused("lifetime", str(self._rules.life))
        if expires <= now - _SKEW or expires <= issued:
            raise Refused("expired")
        if self._rules.age is not None and issued < now - self._rules.age:
            raise Refused("too.old")
        if "nbf" in self._claims and self._time("nbf") > now + _SKEW:
            raise Refused("not.yet")
        return expires + _SKEW + 30

    def _judge_names(self) -> None:
        known = _KNOWN if self._form.authenticates else _KNOWN | _OF_GRANTS
        for name in self._claims:
            if name not in known:
                raise Refused("claim.unknown", _STRANGE.sub("?", name[:64]))
        if "authorization_details" in self._claims:
            raise Refused("authorization.details")

    def _time(self, name: str) -> int:
        value = self._claims.get(name)
        if value is None:
            raise Refused("claim.missing", name)
        if type(value) is int or (type(value) is float and self._rules.float_times):
            return int(value)
        raise Refused("claim.value", name)

    def _once(self) -> str:
        jti = self._claims.get("jti")
        if "jti" not in self._claims:
            if self._rules.jti_required:
                raise Refused("claim.missing", "jti")
            return "sha256#" + sha256(self._assertion.signing_input).hexdigest()
        if not isinstance(jti, str) or not _JTI.fullmatch(jti):
            raise Refused("claim.value", "jti")
        return jti

    def _scopes(self) -> tuple[str, ...]:
        value, in_form = self._claims.get("scope"), self._form.scope
        if value is None:
            if in_form is None:
                raise Refused("claim.missing", "scope")
            return in_form
        if not isinstance(value, str):
            raise Refused("claim.value", "scope")
        scopes = read_scope(value)
        if in_form not in (None, scopes):
            raise Refused("parameter.disagrees")
        return scopes

    def _resources(self) -> tuple[str, ...]:
        value, in_form = self._claims.get("resource", []), self._form.resources
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise Refused("claim.value", "resource")
        if len(listed) > MAX_RESOURCES:
            raise Refused("resource")
        if listed and in_form and tuple(listed) != in_form:
            raise Refused("parameter.disagrees")
        return tuple(listed) or in_form

    def _consumer_org(self) -> str | None:
        in_form = self._form.consumer_org
        value = self._claims.get("consumer_org", in_form)
        if in_form not in (None, value):
            raise Refused("parameter.disagrees")
        return self._matching("consumer_org", value, ORGNO)

    def _pid(self) -> str | None:
        return self._matching("pid", self._claims.get("pid"), _PID)

    @staticmethod
    def _matching(name: str, value: object, form: re.Pattern[str]) -> str | None:
        if value is None or (isinstance(value, str) and form.fullmatch(value)):
            return value
        raise Refused("claim.value", name)
