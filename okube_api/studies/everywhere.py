"""The study `all` of applications that store none with this key: their active sites and POIs, always the current ones.

It is not stored, so that nothing has to be kept up to date, and exists in older applications, too.  Lists leave it out,
and it can be neither changed nor deleted; a stored study with the key takes its place.
"""

from datetime import UTC, datetime

from okube_api.clock import stamp
from okube_api.kit.ids import is_id
from okube_api.store.values import Json

KEY = "all"
_ID_BIT = 1 << 95
"""The highest bit of an id.  Ids start with the instant of their creation, so that no document from before 2038 has it,
and those from then on do not have the id of a study of an older application: theirs differ in the other bits."""


def build_study_id(application: str) -> str:
    """Return the id of the study of an application."""
    return f"{int(application, 16) ^ _ID_BIT:024x}"


def find_application_id(study: str) -> str | None:
    """Return the id of the application whose study would have this id; None for an id of a stored document."""
    return build_study_id(study) if is_id(study) and int(study, 16) & _ID_BIT else None


def build_study(application: str) -> Json:
    """Return the study of an application (an id), without the ids of its places."""
    created_at = stamp(datetime.fromtimestamp(int(application[:8], 16), UTC))  # ids start with it
    return {
        "_id": build_study_id(application),
        "application": application,
        "version": 1,
        "key": KEY,
        "name": "All sites and points of interest",
        "coversAll": True,
        "createdAt": created_at,
        "updatedAt": created_at,
    }


def covers_all(study: Json) -> bool:
    """Return whether a study is the one that is not stored."""
    return bool(study.get("coversAll", False))
