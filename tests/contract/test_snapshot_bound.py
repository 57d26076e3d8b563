"""What a node holds in memory is bounded by a setting."""

from pathlib import Path

import pytest
from sqlalchemy import insert

from authserver.oauth.models import Ref
from authserver.services.opening import open_services
from authserver.settings import Settings, SettingsError, from_environment
from authserver.storage.database import open_database
from authserver.storage.schema import organisations
from authserver.storage.snapshot import PRESENT_RECORDS
from tests.support.authority import Authority

pytestmark = pytest.mark.anyio


def test_the_default_is_the_snapshots_own() -> None:
    """A node that is told nothing holds what a snapshot holds by itself."""
    assert Settings().snapshot_records == PRESENT_RECORDS


def test_a_bound_too_small_to_serve_under_is_refused() -> None:
    """Fewer than a thousand records are refused, by the name of the setting."""
    assert from_environment({"AUTHSERVER_SNAPSHOT_RECORDS": "1000"}).snapshot_records == 1_000
    with pytest.raises(SettingsError, match="AUTHSERVER_SNAPSHOT_RECORDS"):
        from_environment({"AUTHSERVER_SNAPSHOT_RECORDS": "999"})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, snapshot_records=1_000)
    made.init()
    return made


async def test_a_node_holds_no_more_records_than_it_was_told(authority: Authority) -> None:
    """Of more records than the setting allows, a node forgets the longest unused, and reads it again when asked."""
    numbers = [f"{number:09}" for number in range(1_500)]
    database = open_database(authority.settings.database_url)
    async with database.write() as connection:
        await connection.execute(insert(organisations), [{"orgno": n, "name": "", "active": True} for n in numbers])
    await database.close()
    async with open_services(authority.settings) as services:
        registry = services.exchange.registry
        for start in range(0, len(numbers), 100):
            await registry.facts([Ref("organisation", number) for number in numbers[start : start + 100]])
        assert services.metrics.get_sample_value("authserver_snapshot_records") == 1_000
        first = Ref("organisation", numbers[0])
        assert (await registry.facts([first]))[first] is not None
        assert services.metrics.get_sample_value("authserver_snapshot_records") == 1_000
