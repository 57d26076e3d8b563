"""The feed of keys that will soon stop: told by notices of 30, 14 and 3 days, to their organisation alone."""

import time

from tests.support.keys import make_key
from tests.web.admin.conftest import NewTool

PATH = "/api/v1/expiring-keys"
DAY = 24 * 3600


def test_keys_are_told_with_the_notice_that_their_end_is_within(new_tool: NewTool) -> None:
    """First to end first, within the days asked for, and without keys that were removed."""
    tool = new_tool("dcr.read")
    registry, now = tool.authority.registry, int(time.time())
    kids = {}
    for days in (40, 20, 10, 2):
        pair, client = make_key("ES256"), registry.client(org=tool.orgno)
        registry.add_key(client, pair, expires_at=now + days * DAY)
        kids[days] = (client.id, pair.kid)
    gone, its_client = make_key("ES256"), registry.client(org=tool.orgno)
    registry.add_key(its_client, gone, expires_at=now + DAY)
    registry.remove_key(its_client, gone.kid)
    found = tool.call("GET", PATH).json["items"]
    assert [(key["client_id"], key["kid"]) for key in found] == [kids[2], kids[10], kids[20]]
    assert [key["notice_days"] for key in found] == [3, 14, 30]
    assert {key["orgno"] for key in found} == {tool.orgno}
    assert found[0]["expires_at"] == now + 2 * DAY
    longer = tool.call("GET", f"{PATH}?days=60").json["items"]
    assert [key["notice_days"] for key in longer] == [3, 14, 30, None]
    assert [key["kid"] for key in tool.call("GET", f"{PATH}?days=3").json["items"]] == [kids[2][1]]


def test_the_feed_is_read_by_pages(new_tool: NewTool) -> None:
    """Pages follow each other without a gap, also where two keys end in the same second."""
    tool = new_tool("dcr.modify")
    registry, end = tool.authority.registry, int(time.time()) + 5 * DAY
    pairs = [make_key("ES256") for _ in range(3)]
    for pair in pairs:
        registry.add_key(registry.client(org=tool.orgno), pair, expires_at=end)
    first = tool.call("GET", f"{PATH}?limit=2").json
    second = tool.call("GET", f"{PATH}?limit=2&cursor={first['next']}").json
    assert second["next"] is None
    told = [key["kid"] for page in (first, second) for key in page["items"]]
    assert sorted(told) == sorted(pair.kid for pair in pairs)


def test_the_keys_are_their_organisations_alone(new_tool: NewTool) -> None:
    """Another organisation's number is 404, a token for scopes alone 403, and days are 1 to 366."""
    tool, other = new_tool("dcr.read"), new_tool("dcr.read")
    registry = tool.authority.registry
    registry.add_key(registry.client(org=tool.orgno), make_key("ES256"), expires_at=int(time.time()) + DAY)
    assert other.call("GET", PATH).json == {"items": [], "next": None}
    assert other.call("GET", f"{PATH}?orgno={tool.orgno}").status == 404
    assert new_tool("scopes.write", org=tool.orgno).call("GET", PATH).status == 403
    assert [tool.call("GET", f"{PATH}?days={days}").status for days in (0, 367)] == [400, 400]
    assert len(tool.call("GET", f"{PATH}?orgno={tool.orgno}").json["items"]) == 1
