"""Content of a backup: which collections and tables it has."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import APPLICATIONS
from okube_api.backup.dump import BackupSource, write_backup
from okube_api.clock import utc_now
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store_schema import SCHEMA

pytestmark = pytest.mark.anyio

BACKED_UP = {
    "api_keys",
    "application_deletions",  # what is left of these applications is still removed
    "applications",
    "areas",
    "batches",
    "campaigns",
    "equipments",
    "facts_versions",
    "idempotency",  # a request that is sent again after the restore is still carried out once
    "ingest_notes",
    "invitations",
    "job_questions",
    "job_results",
    "jobs",
    "key_claims",
    "known_addresses",  # so that a flood of log-ins does not lock out its owners
    "levers",
    "loaded_columns",
    "login_attempts",
    "mail_counts",
    "pois",
    "rejected_lines",
    "secret_fingerprints",
    "setups",
    "sites",
    "spent",  # tokens that were revoked stay so
    "studies",
    "thumbnails",
    "users",
    "views",
}
LEFT_OUT = {
    "leases",  # of running processes
    "rates",  # of the current minute
}


def test_each_collection_is_backed_up_or_left_out_by_choice() -> None:
    """Name each collection here: who adds one decides whether backups have it (`okube_api.backup.dump.LEFT_OUT`)."""
    assert {collection.name for collection in SCHEMA.collections} == BACKED_UP | LEFT_OUT


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Return an empty embedded store."""
    opened = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA, memory_limit="64MB")
    await opened.start()
    yield opened
    await opened.close()


async def _write(store: Store) -> zipfile.ZipFile:
    file = io.BytesIO()
    await write_backup(BackupSource(store, SCHEMA, Settings(), utc_now), file)
    return zipfile.ZipFile(file)


async def test_backup_has_all_collections_and_tables(store: Store) -> None:
    """Write each collection and table of the schema, but those that are left out by choice."""
    with await _write(store) as archive:
        names = set(archive.namelist())
    documents = {f"documents/{name}.parquet" for name in BACKED_UP}
    rows = {f"rows/{table.name}.parquet" for table in SCHEMA.tables}
    other = {"figures.ndjson", "numbers.parquet", "counters.parquet", "manifest.json"}
    assert names == documents | rows | other


async def test_application_that_is_being_deleted_is_left_out(store: Store) -> None:
    """List an application as whole only if nothing of it can have been removed."""
    await store.insert(APPLICATIONS, [{"_id": "a", "key": "a"}, {"_id": "b", "key": "b"}])
    await store.insert(DELETIONS, [{"_id": "a", "passes": 0, "dueAt": "2026-01-01T00:00:00.000Z"}])
    with await _write(store) as archive:
        assert json.loads(archive.read("manifest.json"))["applications"] == ["b"]
