"""Quotas over the admin API: set by the operator with the organisation, read by the organisation."""

from tests.web.admin.conftest import NewTool, Tool

PATH = "/api/v1/quotas"


def test_the_operator_limits_and_the_organisation_reads_and_is_held_to_it(operator: Tool, new_tool: NewTool) -> None:
    """What is set is in both documents; what is left out stays, null is the default, and one more is 409."""
    tool = new_tool()
    path = f"/api/v1/organisations/{tool.orgno}"
    changed = operator.call("PATCH", path, {"limits": {"clients": 1, "webhooks": 3}}, {"if-match": "*"})
    assert changed.json["limits"] == {"clients": 1, "scopes": None, "waiting": None, "webhooks": 3}
    back = operator.call("PATCH", path, {"limits": {"webhooks": None}}, {"if-match": changed.headers["etag"]})
    assert back.json["limits"] == {"clients": 1, "scopes": None, "waiting": None, "webhooks": None}
    told = tool.call("GET", PATH).json
    assert told["orgno"] == tool.orgno
    quotas = {one.pop("quota"): one for one in told["quotas"]}
    assert quotas["clients"] == {"limit": 1, "is_default": False, "used": 1}
    assert quotas["webhooks"] == {"limit": 10, "is_default": True, "used": 0}
    refused = tool.call("POST", "/api/v1/clients", {"scopes": []})
    assert (refused.status, "as many as it may" in refused.json["error_description"]) == (409, True)


def test_quotas_are_ones_own(operator: Tool, tool: Tool, other: Tool) -> None:
    """Another's number is 404 and the operator's to ask; limits take no negative number and no unknown kind."""
    assert other.call("GET", f"{PATH}?orgno={tool.orgno}").status == 404
    assert operator.call("GET", f"{PATH}?orgno={tool.orgno}").json["orgno"] == tool.orgno
    path = f"/api/v1/organisations/{tool.orgno}"
    assert tool.call("PATCH", path, {"limits": {"clients": 9}}, {"if-match": "*"}).status == 403
    for limits in ({"clients": -1}, {"keys": 9}, {"clients": "9"}):
        assert operator.call("PATCH", path, {"limits": limits}, {"if-match": "*"}).status == 400
