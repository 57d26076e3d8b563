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
        "AS-001": "Send POST to the token endpoint; something between may have turned it into a GET.",
        "AS-002": "Send the request as application/x-www-form-urlencoded.",
        "AS-003": "Send the body as it is, without a content coding.",
        "AS-004": "Make the assertion smaller; a certificate chain is the usual cause.",
        "AS-005": "Encode the form as browsers do; the client library does.",
        "AS-006": "Send each parameter once.",
        "AS-007": "Send grant_type and assertion; something between may have cut the body.",
        "AS-008": "Say a thing in the form or in the assertion, or the same in both.",
        "AS-009": "Ask with the grant type jwt-bearer.",
        "AS-010": "Authenticate in one way: the assertion is enough.",
        "AS-011": "Something between you and the authority sends malformed HTTP; look at proxies.",
        "AS-012": "Send fewer or shorter headers; look at what proxies add.",
        "AS-013": "Send the request in one piece; look at the network between.",
        "AS-021": "Make the assertion smaller; a certificate chain is the usual cause.",
        "AS-022": "Leave crit, jwk, jku, x5u and zip out of the header of the assertion.",
        "AS-023": "Leave typ out of the header of the assertion, or say JWT.",
        "AS-024": "Sign with an algorithm that the client's profile allows; the authority's metadata lists them.",
        "AS-101": "The client is deactivated; ask whoever administers it.",
        "AS-102": "Name the registered key by its kid; a client with registered keys may not send a certificate.",
        "AS-103": "Register the key on the client, or correct the kid; new keys can take minutes.",
        "AS-104": "Sign with the algorithm the key is registered for.",
        "AS-111": "Leave sub out of the assertion, or say the client id.",
        "AS-112": "Put the claim that is named into the assertion.",
        "AS-131": "Check this machine's clock.",
        "AS-132": "Shorten the life of the assertion.",
        "AS-133": "Check this machine's clock, and that assertions are made when they are sent.",
        "AS-201": "Let the client's registration allow this grant type.",
        "AS-202": "Separate scopes by single spaces.",
        "AS-203": "Ask the owner of the scope what has taken its place.",
        "AS-204": "Ask for these scopes in tokens of their own.",
        "AS-205": "Give one resource, an absolute URI without a fragment.",
        "AS-206": "Ask for the resource that the scope is registered with, or for none.",
        "AS-207": "The organisation is unknown or deactivated at the authority; check its number.",
        "AS-208": "Leave consumer_org out when the client's own organisation is the consumer.",
        "AS-209": "Ask for these scopes in tokens of their own.",
        "AS-251": "The owner has not opened the scope for delegation; ask without consumer_org.",
        "AS-400": "Correct what the description names; the reference of the admin API says what it takes.",
        "AS-403": "Ask whoever administers the organisation that it belongs to, or log in for that organisation.",
        "AS-404": "Check its name or id, and that it is registered in this environment.",
        "AS-409": "Read it anew and look at what the description names: it was changed, or the name is taken.",
        "AS-410": "Register the public half of a key that meets what the description demands.",
        "AS-429": "Ask less often, and keep tokens for as long as they live.",
        "AS-500": "Try again; if it goes on, give the operator of the authority the trace id.",
        "AS-502": "Try again in a moment, with a new assertion.",
        "AS-503": "Try again in a moment, with a new assertion; if it goes on, ask the operator of the authority.",
        "AS-504": "Try again in a moment, with a new assertion; the register that is named has to come back first.",
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


_OF_TIME: Final = frozenset({"MP-130", "AS-131", "AS-133"})
_MOST_SKEW: Final = 900.0


def correction(mp_code: str | None, description: str, skew: float | None) -> float | None:
    """Seconds to add to our clock after a refusal for time; None if that is no remedy.

    A correction is bounded, because whoever answers could otherwise have assertions made for any time.
    """
    of_time = mp_code in _OF_TIME or "issue time" in description.lower()
    notable = skew is not None and _NOTABLE_SKEW <= abs(skew) <= _MOST_SKEW
    return skew if of_time and notable else None
