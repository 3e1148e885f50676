"""The schema of the store: collections and tables of all domains."""

from okube_api.analytics.warming import LOADED_COLUMNS
from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import APPLICATIONS
from okube_api.areas.repository import AREAS
from okube_api.auth.attempts import ATTEMPTS, KNOWN_ADDRESSES
from okube_api.auth.first_administrator import SETUPS
from okube_api.auth.invitations import INVITATIONS
from okube_api.auth.keys import KEYS
from okube_api.auth.mail_limit import MAIL_COUNTS
from okube_api.auth.repository import DENYLIST, USERS
from okube_api.auth.secret_fingerprint import FINGERPRINTS
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.facts import BAND_EDGES, FACTS, PANELISTS, ROLLUP_VERSIONS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.http.idempotency import IDEMPOTENCY
from okube_api.http.rate_limits import RATES
from okube_api.ingest.batches import BATCHES, REJECTED
from okube_api.ingest.events.tables import TABLES
from okube_api.ingest.invalidation import FACTS_VERSIONS, PENDING
from okube_api.ingest.leases import LEASES
from okube_api.jobs.repository import JOB_QUESTIONS, JOBS
from okube_api.jobs.results import JOB_RESULTS
from okube_api.kit.similar_keys import KEY_CLAIMS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.sites.thumbnails import THUMBNAILS
from okube_api.store.schema import Schema
from okube_api.studies.repository import STUDIES
from okube_api.views.repository import VIEWS

SCHEMA = Schema(
    collections=(
        APPLICATIONS,
        DELETIONS,
        USERS,
        DENYLIST,
        IDEMPOTENCY,
        RATES,
        KEYS,
        FINGERPRINTS,
        INVITATIONS,
        SETUPS,
        ATTEMPTS,
        KNOWN_ADDRESSES,
        MAIL_COUNTS,
        KEY_CLAIMS,
        SITES,
        EQUIPMENTS,
        STUDIES,
        POIS,
        CAMPAIGNS,
        LEVERS,
        VIEWS,
        AREAS,
        THUMBNAILS,
        BATCHES,
        REJECTED,
        PENDING,
        FACTS_VERSIONS,
        LEASES,
        LOADED_COLUMNS,
        JOBS,
        JOB_QUESTIONS,
        JOB_RESULTS,
    ),
    tables=(PANELISTS, BAND_EDGES, ROLLUP_VERSIONS, *(table for fact in FACTS for table in fact.tables), *TABLES),
    removed=("login_failures",),
    version=2,  # version 1 does not know which rows in MongoDB a patch has replaced
)
