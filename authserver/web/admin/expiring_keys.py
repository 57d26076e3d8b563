"""`/api/v1/expiring-keys`: keys of the caller's clients that will soon stop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.feeds import ExpiringKey
from authserver.registry import expiry
from authserver.web.admin.access_requests import Orgno
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.client_keys import KeyReads
from authserver.web.admin.pages import Page, Paged

router = APIRouter(tags=["expiring keys"], route_class=StrictRoute)


class ExpiringKeyDocument(BaseModel):
    """A usable key that will soon be none."""

    expires_at: int = Field(description="Seconds since 1970.")
    client_id: str
    kid: str
    orgno: str
    notice_days: expiry.Notice | None = Field(
        description="The shortest of the notices, 30, 14 and 3 days, that its end has come within."
    )


@router.get("/expiring-keys", response_model=Page[ExpiringKeyDocument])
async def list_expiring_keys(
    call: KeyReads,
    paging: Paged,
    days: Annotated[int, Query(ge=1, le=366, description="Those that end within so many days.")] = 30,
    orgno: Orgno = None,
) -> Response:
    """Usable keys of the caller's clients that end soon, the first to end first."""
    found = await expiry.page(call.store, call.actor, call.now, window=paging.window(call), days=days, orgno=orgno)

    def shown(key: ExpiringKey) -> ExpiringKeyDocument:
        return ExpiringKeyDocument(
            expires_at=key.expires_at,
            client_id=key.client_id,
            kid=key.kid,
            orgno=key.orgno,
            notice_days=expiry.notice(key, call.now),
        )

    return paging.answer(call, found, shown)
