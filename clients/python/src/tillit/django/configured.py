"""What `settings.TILLIT` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from tillit.core.rules import OPEN, TOKEN, Access, Rule, Rules
from tillit.errors import ConfigError
from tillit.guard import Guard
from tillit.validator import TokenValidator

_KNOWN = {"ISSUER", "AUDIENCE", "CHECK_STATUS", "VALIDATOR", "REALM", "RULES", "OTHERWISE", "CERTIFICATE"}


@dataclass(frozen=True, slots=True)
class Configured:
    """What requests are judged by."""

    guard: Guard
    rules: Rules
    certificate: Callable[[Any], bytes | None] | None


def settings_of() -> Mapping[str, Any]:
    """`settings.TILLIT`. Raises ConfigError."""
    found = getattr(settings, "TILLIT", None)
    if not isinstance(found, Mapping):
        raise ConfigError("settings.TILLIT must be a dict")
    return found


def guard_of(found: Mapping[str, Any]) -> Configured:
    """The settings as objects. VALIDATOR is a TokenValidator, or the dotted name of one. Raises ConfigError."""
    if unknown := sorted(found.keys() - _KNOWN):
        raise ConfigError("unknown in settings.TILLIT: " + ", ".join(unknown))
    validator = _validator_of(found)
    rules = found.get("RULES", ())
    if any(not isinstance(rule, Rule) for rule in rules):
        raise ConfigError("RULES holds tillit.Rule alone")
    # Without rules the decorators decide, and a site may have other pages; with rules what none names needs a token.
    otherwise: Access = found.get("OTHERWISE", TOKEN if rules else OPEN)
    return Configured(Guard(validator, found.get("REALM")), Rules(rules, otherwise), found.get("CERTIFICATE"))


def _validator_of(found: Mapping[str, Any]) -> TokenValidator:
    validator, check_status = found.get("VALIDATOR"), found.get("CHECK_STATUS", False)
    if not isinstance(check_status, bool):
        raise ConfigError("CHECK_STATUS must be True or False")
    if validator is None:
        if not found.get("ISSUER") or not found.get("AUDIENCE"):
            raise ConfigError("settings.TILLIT needs ISSUER and AUDIENCE, or VALIDATOR")
        return TokenValidator.for_issuer(found["ISSUER"], found["AUDIENCE"], check_status=check_status)
    if check_status:
        raise ConfigError("CHECK_STATUS goes with ISSUER and AUDIENCE: a VALIDATOR is told by its own `status`")
    if isinstance(validator, str):
        try:
            validator = import_string(validator)
        except ImportError as error:
            raise ConfigError(f"VALIDATOR cannot be imported: {error}") from error
    if not isinstance(validator, TokenValidator):
        raise ConfigError("VALIDATOR is not a TokenValidator")
    return validator
