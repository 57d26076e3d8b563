"""Wrong tokens for whoever owns a scope, to find out what an API lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authserver.oauth.exercises import exercises
from authserver.registry import rights, text
from authserver.registry.evidence import Authority
from authserver.registry.ports import Actor, RegistryStore

_MINTED: Final = "Wrong tokens were signed, to try an API with"
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class Minted:
    """A wrong token, what it is called, and the status that a sound API answers it with."""

    name: str
    token: str
    status: int


async def mint(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    scope: str,
    audience: str | None,
    authority: Authority,
    other_consumer: bool = False,
    reason: str = "",
) -> list[Minted]:
    """Sign wrong tokens for an API that wants a scope of the actor's; the change log tells of it.

    `audience` is how the API is addressed, that of the scope if None. `other_consumer` is for an API that
    admits certain organisations alone. Raises Refusal NOT_FOUND for a scope that is not
    the actor's, INVALID if no audience is known, and Unavailable.
    """
    async with rights.change(store, actor, now, reason or _MINTED) as change:
        found = await rights.scope(change, actor, scope)
        addressed = audience or found.audience
        if not addressed or len(addressed) > _LONGEST:
            raise text.invalid("Say which audience the API is known by: the scope names none")
        # The record stays as it is; put, the change log says that such tokens were signed, for whom and when.
        await change.put(found)
    ours = found.delegation_source == authority.issuer
    wrong = exercises(
        authority.issuer, scope, addressed, now, authority.new_id, delegable=ours, other_consumer=other_consumer
    )
    return [Minted(one.name, await authority.sign(dict(one.claims), one.typ), one.status) for one in wrong]
