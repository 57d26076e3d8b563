"""`authserver delegation use`: what suppliers did in whose name."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import typer

from authserver.cli.answer import answering, moment
from authserver.cli.desk import clock, operator, settings
from authserver.cli.documents import Document
from authserver.cli.options import Json, Limit, window
from authserver.oauth.errors import Reason, Refusal
from authserver.registry import delegation_use
from authserver.registry.delegation_use import Mirror, Period, Role

_COLUMNS: Final = ("delegation_id", "consumer_orgno", "supplier_orgno", "tokens", "first_use", "last_use")


def use(
    delegation_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One delegation.")] = None,
    *,
    consumer: Annotated[str | None, typer.Option("--consumer", metavar="ORGNO", help="Those given by it.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", metavar="ORGNO", help="Those held by it.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="ORGNO", help="Those of scopes that it owns.")] = None,
    days: Annotated[int, typer.Option("--days", help="How many days back, 1 to 366, today among them.")] = 30,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show what delegations were used for: tokens, first and last use, and by day, scope, audience and client."""
    with answering(as_json=as_json) as answer:
        asked: dict[Role, str | None] = {"consumer": consumer, "supplier": supplier, "owner": owner}
        named = [(role, orgno) for role, orgno in asked.items() if orgno is not None]
        if len(named) + (delegation_id is not None) != 1:
            sentence = "Give the id of a delegation, or one of --consumer, --supplier and --owner"
            raise Refusal(Reason.INVALID, value=sentence)
        period = Period(clock(), days)
        if delegation_id is not None:
            shown = _shown(asyncio.run(_one(delegation_id, period)), period)
            answer.record(f"In the last {days} days:", shown if as_json else _told(shown))
            return
        found = asyncio.run(_many(*named[0], period, limit))
        answer.rows([_shown(each, period) for each in found], _COLUMNS, "There is no such delegation.")


async def _one(delegation_id: str, period: Period) -> Mirror:
    from authserver.services import open_records

    async with open_records(settings()) as (store, records):
        return await delegation_use.read(store, records, operator(), period, delegation_id=delegation_id)


async def _many(role: Role, orgno: str, period: Period, limit: int) -> list[Mirror]:
    from authserver.services import open_records

    async with open_records(settings()) as (store, records):
        shown = await delegation_use.page(
            store, records, operator(), period, window=window(limit), role=role, orgno=orgno
        )
        return list(shown.items)


def _shown(mirror: Mirror, period: Period) -> Document:
    use = mirror.use
    return {
        "delegation_id": mirror.delegation.id,
        "consumer_orgno": mirror.delegation.consumer_orgno,
        "supplier_orgno": mirror.delegation.supplier_orgno,
        "tokens": use.tokens,
        "first_use": None if use.first_at is None else moment(use.first_at),
        "last_use": None if use.last_at is None else moment(use.last_at),
        "since": moment(period.since),
        "complete_since": None if use.complete_since is None else moment(use.complete_since),
        "days": {moment(day)[:10]: tokens for day, tokens in use.days.items()},
        "scopes": dict(use.scopes),
        "audiences": dict(use.audiences),
        "clients": dict(use.clients),
    }


def _told(shown: Document) -> Document:
    """Make a line of each count, as people read it."""
    return {name: _lines(value) if isinstance(value, dict) else value for name, value in shown.items()}


def _lines(counts: dict[str, int]) -> list[str]:
    return [f"{key}  {tokens}" for key, tokens in counts.items()]
