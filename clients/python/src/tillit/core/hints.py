"""What to do about a refusal, by the authority's fine-grained code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_BY_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MP-011": "The assertion has a claim or value the authority does not take; compare it with its documentation.",
        "MP-012": "The assertion was used before; something between you and the authority repeated the request.",
        "MP-100": "Check the client id and that it is registered in this environment.",
        "MP-110": "Configure the issuer exactly as the authority's metadata spells it, final slash included.",
        "MP-120": "The certificate is not valid here; test certificates do not work in production, nor the reverse.",
        "MP-121": "The registered key has expired; register a new one on the client.",
        "MP-122": "The certificate belongs to another organisation than the client.",
        "MP-123": "The certificate chain in the request is not readable.",
        "MP-124": "The private key does not belong to the key registered under this kid.",
        "MP-130": "Check this machine's clock.",
        "MP-200": "Add the scope to the client; a scope must be registered on it before it can be asked for.",
        "MP-201": "The client's kind does not allow this scope.",
        "MP-250": "Ask the owner of the scope to grant the consumer access.",
        "MP-251": "Ask the consumer to delegate the scope to your organisation.",
        "MP-301": "The type of the authorization details is not known to the authority.",
        "MP-302": "The authorization details have a field the authority does not know.",
        "MP-303": "A value in the authorization details was not accepted; the description names it.",
    }
)
_BY_PHRASE: Final = (
    ("unknown key identifier", "Register the key on the client, or correct the kid; new keys can take minutes."),
    ("expired key", "The registered key has expired; register a new one on the client."),
    ("issue time", "Check this machine's clock."),
    ("too long lifetime", "Shorten the life of the assertion."),
)
_NOTABLE_SKEW: Final = 5.0


def hint_for(mp_code: str | None, description: str, skew: float | None) -> str | None:
    """A sentence on what to do, or None. `skew` is how many seconds the authority's clock is ahead of ours."""
    hint = _BY_CODE.get(mp_code or "")
    if hint is None:
        lowered = description.lower()
        hint = next((text for phrase, text in _BY_PHRASE if phrase in lowered), None)
    if skew is None or abs(skew) < _NOTABLE_SKEW:
        return hint
    direction = "behind" if skew > 0 else "ahead of"
    clock = f"This machine's clock is {abs(skew):.0f} s {direction} the authority's."
    return clock if hint is None else f"{hint} {clock}"
