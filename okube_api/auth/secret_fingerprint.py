"""The fingerprint of the secret key that a store was created with.

With another secret, known people would be counted a second time, and erasing a person would erase nothing.  A process
therefore refuses to work with a store whose fingerprint is not that of its secret.
"""

import hmac
import secrets
from collections.abc import Mapping

from okube_api.auth.secret import BadSecret
from okube_api.store.conditions import equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection

FINGERPRINTS = Collection("secret_fingerprints", fields={})
"""One document: a random salt, and the salt's keyed hash, from which nobody can compute the secret."""

_ID = "secret"


async def claim_store(store: Store, secret: bytes) -> None:
    """Store the fingerprint of the secret, or compare it with the stored one.  Raise BadSecret when they differ.

    Of several processes that do this at the same time in a new store, one stores its fingerprint.
    """
    if await check_secret(store, secret):
        return
    salt = secrets.token_bytes(16)
    document = {"_id": _ID, "salt": salt.hex(), "fingerprint": _compute_fingerprint(secret, salt)}
    try:
        await store.insert(FINGERPRINTS, [document])
    except Duplicate:
        await check_secret(store, secret)


async def check_secret(store: Store, secret: bytes) -> bool:
    """Return whether the store has a fingerprint.  Raise BadSecret when it is that of another secret."""
    stored = await store.get(FINGERPRINTS, equal("_id", _ID))
    if stored is None:
        return False
    if not is_fingerprint_of(stored, secret):
        raise BadSecret(
            "The secret key is not the one that this store was created with. With another key, known people would be "
            "counted twice and could not be erased. Set OKUBE_SECRET_KEY to the earlier key; for an embedded store "
            "without that variable, restore the file secret.key next to the database file from a backup."
        )
    return True


def is_fingerprint_of(fingerprint: Mapping[str, str], secret: bytes) -> bool:
    """Return whether a fingerprint (`salt`, `fingerprint`) is that of a secret."""
    computed = _compute_fingerprint(secret, bytes.fromhex(fingerprint["salt"]))
    return hmac.compare_digest(fingerprint["fingerprint"], computed)


def _compute_fingerprint(secret: bytes, salt: bytes) -> str:
    return hmac.digest(secret, b"okube-api fingerprint of the secret\n" + salt, "sha256").hex()
