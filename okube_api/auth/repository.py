"""Users, revoked tokens and failed logins in the store."""

from okube_api.store.base import Collection, Kind

USERS = Collection(
    "users",
    fields={
        "login": Kind.TEXT,  # lower case
        "applications": Kind.TEXTS,  # those in which the user has a role
    },
    unique=(("login",),),
    search=("login", "name"),
)

REVOCATIONS = Collection("revocations", fields={"expiresAt": Kind.TEXT})  # `_id` is the token's jti

LOGIN_FAILURES = Collection("login_failures", fields={"account": Kind.TEXT, "at": Kind.TEXT})
