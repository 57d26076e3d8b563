"""The description of the admin API is the one that is committed, and is served without anything from elsewhere."""

import json

from authserver.web.admin.api import admin_api, description
from tests.house.project import ROOT
from tests.support.http import request
from tests.web.admin.conftest import Tool

COMMITTED = ROOT / "docs" / "reference" / "openapi.json"


def test_the_committed_description_is_what_the_program_says() -> None:
    """docs/reference/openapi.json is what `description` makes: write it anew when the API changes."""
    made = json.dumps(description(admin_api(None, "")), indent=1, sort_keys=True) + "\n"
    assert COMMITTED.read_text(encoding="utf-8") == made


def test_the_served_description_is_the_committed_one_and_the_page_loads_nothing(tool: Tool) -> None:
    """OpenAPI 3.1 at /api/openapi.json, and a page at /api/docs that may load nothing and runs no script."""
    served = request(tool.authority.port, "GET", "/api/openapi.json")
    assert served.json == json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert served.json["openapi"].startswith("3.1")
    page = request(tool.authority.port, "GET", "/api/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"<script" not in page.body
    assert b"/api/v1/clients/{client_id}" in page.body
