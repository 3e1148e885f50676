"""Users of an application over HTTP: they are invited and accept; roles are changed, disabled and removed."""

import asyncio
import email
import email.policy
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from okube_api.auth.mail_limit import MAILS_PER_ADDRESS
from okube_api.auth.repository import Role
from okube_api.store.errors import Unavailable

from tests.api.server import PASSWORD, Json, MovableClock, Server, Tenant, share_store

pytestmark = pytest.mark.anyio

FIRST_PASSWORD = "a first password, long enough"


def build_new_user(**fields: object) -> Json:
    """Return the body of a request that invites a user to a role."""
    return {"login": f"{uuid4().hex}@Example.com", "role": "reader", **fields}


async def invite(tenant: Tenant, login: str, role: str = "reader") -> Json:
    """Invite a login to an application, and return the answer."""
    answer = await tenant.admin.post(f"{tenant.url}/users", json={"login": login, "role": role})
    assert answer.status_code == 201, answer.text
    invited: Json = answer.json()
    return invited


async def accept_by_token(server: Server, token: str, password: str = FIRST_PASSWORD, **more: str) -> httpx.Response:
    """Accept an invitation with its token and a password."""
    return await server.client().post("/auth/invitations/accept", json={"token": token, "password": password, **more})


async def list_invitations(caller: httpx.AsyncClient) -> list[Json]:
    """Return the invitations that the caller may accept."""
    invitations: list[Json] = (await caller.get("/auth/me")).json()["invitations"]
    return invitations


async def test_a_new_user_accepts_and_logs_in_with_the_role(
    server: Server, tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    body = build_new_user(name="Jeanne", role="editor")
    created = await admin.post(f"{tenant.url}/users", json=body)
    assert created.status_code == 201
    invited = created.json()
    login = body["login"].lower()
    pending = {"login": login, "name": "Jeanne", "role": "editor", "disabled": False, "status": "pending"}
    assert {name: invited[name] for name in pending} == pending
    assert set(invited) - set(pending) == {"_id", "expiresAt", "token"}
    credentials = {"login": body["login"], "password": FIRST_PASSWORD}
    assert (await nobody.post("/auth/login", json=credentials)).status_code == 401
    assert (await accept_by_token(server, invited["token"])).status_code == 204
    answer = await nobody.post("/auth/login", json=credentials)
    assert answer.json()["auth"]["applications"] == [{"_id": tenant.id, "key": tenant.key, "role": "editor"}]
    assert answer.json()["auth"]["user"]["name"] == "Jeanne"
    users = (await admin.get(f"{tenant.url}/users", params={"q": login})).json()["documents"]
    assert [(user["login"], user["status"]) for user in users] == [(login, "active")]


async def test_the_answer_is_the_same_whether_the_login_exists(server: Server, tenant: Tenant) -> None:
    existing = await server.create_user()
    named = {"_id": "", "login": "", "name": "", "token": "", "expiresAt": ""}
    first = await tenant.admin.post(f"{tenant.url}/users", json={"login": existing.login, "role": "reader"})
    second = await tenant.admin.post(f"{tenant.url}/users", json=build_new_user())
    assert first.json() | named == second.json() | named
    assert (first.status_code, set(first.headers)) == (second.status_code, set(second.headers))
    assert first.json()["name"] == existing.login.partition("@")[0]
    assert existing.id not in first.text
    listed = (await tenant.admin.get(f"{tenant.url}/users")).text
    assert existing.id not in listed


async def test_a_password_of_an_application_administrator_is_ignored(
    tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    body = build_new_user(password=FIRST_PASSWORD)
    created = await admin.post(f"{tenant.url}/users", json=body)
    assert (created.status_code, created.json()["status"]) == (201, "pending")
    assert created.headers["x-okube-ignored"] == "body/password"
    answer = await nobody.post("/auth/login", json={"login": body["login"], "password": FIRST_PASSWORD})
    assert answer.status_code == 401


async def test_a_platform_administrator_may_set_a_password(
    tenant: Tenant, platform: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    body = build_new_user(password=FIRST_PASSWORD)
    created = await platform.post(f"{tenant.url}/users", json=body)
    assert (created.status_code, created.json()["status"], created.json()["token"]) == (201, "active", None)
    answer = await nobody.post("/auth/login", json={"login": body["login"], "password": FIRST_PASSWORD})
    assert answer.status_code == 200
    assert (await platform.post(f"{tenant.url}/users", json=body)).status_code == 422
    weak = await platform.post(f"{tenant.url}/users", json=build_new_user(password="password1234"))
    assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (422, "/password")


async def test_a_login_made_by_another_administrator_does_not_get_a_role(
    server: Server, tenant: Tenant, other_tenant: Tenant
) -> None:
    """An administrator invites somebody else's address and uses the token; another application invites it later."""
    login = f"{uuid4().hex}@example.com"
    attack = await invite(other_tenant, login)
    assert (await accept_by_token(server, attack["token"], "the password of an attacker")).status_code == 204
    attacker = server.client_of(await server.find_user(login))
    invited = await invite(tenant, login, "admin")
    assert (await attacker.get(tenant.url)).status_code == 404
    (listed,) = await list_invitations(attacker)
    assert listed["tokenRequired"] is True
    url = f"/auth/invitations/{listed['_id']}/accept"
    for body in (None, {}, {"token": attack["token"]}, {"token": "x"}):
        refused = await attacker.post(url, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "invitation_token_required")
    assert (await attacker.get(tenant.url)).status_code == 404
    assert (await accept_by_token(server, invited["token"], "the password of the victim")).status_code == 401
    assert (await attacker.post(url, json={"token": invited["token"]})).status_code == 204
    assert (await attacker.get(tenant.url)).status_code == 200


async def test_the_owner_of_an_existing_login_accepts_a_grant(server: Server, tenant: Tenant) -> None:
    user = await server.create_user()
    owner = server.client_of(user)
    invited = await invite(tenant, user.login.upper(), "editor")
    assert (await owner.get(tenant.url)).status_code == 404
    assert (await owner.get("/applications")).json()["documents"] == []
    assert await list_invitations(owner) == [
        {
            "_id": invited["_id"],
            "application": {"_id": tenant.id, "key": tenant.key, "name": tenant.application["name"]},
            "role": "editor",
            "expiresAt": invited["expiresAt"],
            "tokenRequired": False,
        }
    ]
    assert (await owner.post(f"/auth/invitations/{invited['_id']}/accept")).status_code == 204
    assert await list_invitations(owner) == []
    assert (await owner.post(f"{tenant.url}/sites", json={"name": "Lyon", "online": True})).status_code == 201
    assert (await owner.post(f"/auth/invitations/{invited['_id']}/accept")).status_code == 404


async def test_an_existing_login_accepts_by_token_with_its_own_password(server: Server, tenant: Tenant) -> None:
    user = await server.create_user()
    invited = await invite(tenant, user.login)
    assert (await accept_by_token(server, invited["token"], FIRST_PASSWORD)).status_code == 401
    assert (await server.client_of(user).get(tenant.url)).status_code == 404
    assert (await accept_by_token(server, invited["token"], PASSWORD)).status_code == 204
    assert (await server.client_of(user).get(tenant.url)).status_code == 200
    assert (await accept_by_token(server, invited["token"], PASSWORD)).status_code == 422


async def test_the_owner_declines_a_grant(server: Server, tenant: Tenant) -> None:
    user = await server.create_user()
    owner = server.client_of(user)
    invited = await invite(tenant, user.login)
    assert (await owner.post(f"/auth/invitations/{invited['_id']}/decline")).status_code == 204
    assert await list_invitations(owner) == []
    assert (await accept_by_token(server, invited["token"], PASSWORD)).status_code == 422
    assert (await owner.get(tenant.url)).status_code == 404


async def test_only_the_owner_accepts_or_declines(server: Server, tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    user = await server.create_user()
    invited = await invite(tenant, user.login)
    key = (await server.client_of(user).post("/auth/keys", json={"name": "x"})).json()["token"]
    for action in ("accept", "decline"):
        url = f"/auth/invitations/{invited['_id']}/{action}"
        body = {"token": invited["token"]} if action == "accept" else None
        assert (await stranger.post(url, json=body)).status_code == 404
        assert (await tenant.admin.post(url, json=body)).status_code == 404
        assert (await server.client(key).post(url, json=body)).status_code == 403
        assert (await server.client().post(url, json=body)).status_code == 401
    assert await list_invitations(server.client(key)) == []
    assert len(await list_invitations(server.client_of(user))) == 1


async def test_a_token_is_valid_once(server: Server, tenant: Tenant) -> None:
    invited = await invite(tenant, f"{uuid4().hex}@example.com")
    answers = await asyncio.gather(
        *(accept_by_token(server, invited["token"], f"{FIRST_PASSWORD} {i}") for i in range(4))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(204) == 1
    assert set(statuses[1:]) <= {401, 404, 422}
    assert (await accept_by_token(server, invited["token"])).status_code == 422


async def test_an_invitation_expires_after_72_hours(server: Server, tenant: Tenant, clock: MovableClock) -> None:
    user = await server.create_user()
    invited = await invite(tenant, user.login)
    clock.ahead = timedelta(hours=71, minutes=59)
    owner = server.client_of(user)
    assert len(await list_invitations(owner)) == 1
    clock.ahead = timedelta(hours=72, seconds=1)
    owner = server.client_of(user)
    assert await list_invitations(owner) == []
    assert (await owner.post(f"/auth/invitations/{invited['_id']}/accept")).status_code == 404
    assert (await accept_by_token(server, invited["token"], PASSWORD)).status_code == 422
    admin = server.client_of(tenant.users[Role.ADMIN])
    listed = (await admin.get(f"{tenant.url}/users", params={"q": user.login})).json()
    assert listed["documents"] == []
    assert (await admin.post(f"{tenant.url}/users", json={"login": user.login, "role": "reader"})).status_code == 201


@pytest.mark.parametrize("password", ["short", "password1234", "z" * 40])
async def test_a_refused_password_leaves_the_invitation(server: Server, tenant: Tenant, password: str) -> None:
    invited = await invite(tenant, f"{uuid4().hex}@example.com")
    refused = await accept_by_token(server, invited["token"], password)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/password")
    assert (await accept_by_token(server, invited["token"])).status_code == 204


async def test_a_pending_invitation_is_changed_and_withdrawn(server: Server, tenant: Tenant) -> None:
    first, second = [await invite(tenant, f"{uuid4().hex}@example.com") for _ in range(2)]
    url = f"{tenant.url}/users/{first['_id']}"
    assert (await tenant.admin.put(url, json=first)).json() == first
    assert (await tenant.admin.put(url, json={})).json() == first | {"token": None}
    assert (await tenant.admin.put(url, json={"token": second["token"]})).status_code == 400
    assert (await tenant.admin.put(url, json={"role": "editor"})).json()["role"] == "editor"
    assert (await tenant.admin.put(url, json={"role": "admin"}, headers={"If-Match": '"x-1"'})).status_code == 412
    assert (await accept_by_token(server, first["token"])).status_code == 204
    user = await server.find_user(first["login"])
    assert user.roles == {tenant.id: Role.EDITOR}
    assert (await tenant.admin.delete(f"{tenant.url}/users/{second['_id']}")).status_code == 204
    assert (await accept_by_token(server, second["token"])).status_code == 422


async def test_pending_invitations_of_other_applications_are_not_found(tenant: Tenant, other_tenant: Tenant) -> None:
    invited = await invite(other_tenant, f"{uuid4().hex}@example.com")
    url = f"{tenant.url}/users/{invited['_id']}"
    assert (await tenant.admin.put(url, json={"role": "admin"})).status_code == 404
    assert (await tenant.admin.delete(url)).status_code == 404
    listed = (await tenant.admin.get(f"{tenant.url}/users", params={"q": invited["login"]})).json()
    assert (listed["documents"], listed["_$paginated"]["total"]) == ([], 0)


@pytest.mark.parametrize("write_login", [str, str.upper])
async def test_a_login_names_a_user_or_an_invitation(tenant: Tenant, write_login: Callable[[str], str]) -> None:
    invited = await invite(tenant, f"{uuid4().hex}@example.com")
    for member in ({"_id": tenant.users[Role.READER].id, "login": tenant.users[Role.READER].login}, invited):
        url = f"{tenant.url}/users/{write_login(member['login'])}"
        changed = await tenant.admin.patch(url, json={"role": "editor"})
        assert (changed.status_code, changed.json()["_id"], changed.json()["role"]) == (200, member["_id"], "editor")
        assert (await tenant.admin.delete(url)).status_code == 204
        assert (await tenant.admin.delete(url)).status_code == 404


async def test_a_login_without_a_role_in_the_application_is_not_found(tenant: Tenant, other_tenant: Tenant) -> None:
    invited = await invite(other_tenant, f"{uuid4().hex}@example.com")
    for login in (other_tenant.users[Role.READER].login, invited["login"], "nobody@example.com", "@", "@@", "a@\u3002"):
        answer = await tenant.admin.delete(f"{tenant.url}/users/{login}")
        assert (answer.status_code, answer.json()["detail"]) == (404, f"No user '{login}'.")


async def test_users_and_invitations_are_listed_by_pages(tenant: Tenant) -> None:
    pending = sorted([(await invite(tenant, f"{uuid4().hex}@example.com"))["_id"] for _ in range(4)])
    expected = sorted(user.id for user in tenant.users.values()) + pending
    for size in (1, 2, 3, 5, 100):
        ids = []
        for page in range(1, 8 // size + 2):
            parameters = {"page": page, "per_page": size}
            answer = (await tenant.admin.get(f"{tenant.url}/users", params=parameters)).json()
            assert answer["_$paginated"]["total"] == 7
            ids += [document["_id"] for document in answer["documents"]]
        assert ids == expected


async def test_the_token_is_not_in_the_store(server: Server, tenant: Tenant) -> None:
    invited = await invite(tenant, f"{uuid4().hex}@example.com")
    repository = server.services.invitations.repository
    document = await repository.get_by_id(invited["_id"])
    assert not any(invited["token"] in str(value) for value in document.values())


async def test_an_invitation_with_an_idempotency_key_is_made_once(tenant: Tenant) -> None:
    body, headers = build_new_user(), {"Idempotency-Key": uuid4().hex}
    answers = [await tenant.admin.post(f"{tenant.url}/users", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.text for answer in answers}) == 1
    listed = (await tenant.admin.get(f"{tenant.url}/users", params={"q": body["login"].lower()})).json()
    assert [user["_id"] for user in listed["documents"]] == [answers[0].json()["_id"]]
    assert (await tenant.admin.post(f"{tenant.url}/users", json=body)).status_code == 422


async def test_repeated_invitation_whose_answer_was_lost_is_mailed_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End the first attempt after the mail: the second mail has the same token, and the first one stays valid."""
    command, message = write_mail_command(tmp_path, 0)
    async with share_store(server, mail_command=command, invitation_url="https://dash.example/#{token}") as mailing:
        tenant, body, headers = await mailing.create_tenant(), build_new_user(), {"Idempotency-Key": uuid4().hex}

        async def fail(*_: object) -> None:
            raise Unavailable("The database did not answer.")

        tokens = []
        for status in (503, 201):
            with monkeypatch.context() as patched:
                if status == 503:
                    patched.setattr(mailing.services.idempotency, "_store_answer", fail)
                answer = await tenant.admin.post(f"{tenant.url}/users", json=body, headers=headers)
            assert answer.status_code == status
            text = email.message_from_bytes(message.read_bytes(), policy=email.policy.default)
            tokens += re.findall(r"https://dash\.example/#(\S+)", text.get_content())
            message.unlink()
        assert len(tokens) == 2
        assert tokens[0] == tokens[1]
        assert (await accept_by_token(mailing, tokens[0])).status_code == 204


MAIL_SCRIPT = """#!/bin/sh
cat > "$1"
exit "$2"
"""


def write_mail_command(folder: Path, status: int) -> tuple[str, Path]:
    """Write a command that stores its message and exits with a status; return it and the path of the message."""
    script, message = folder / "mail.sh", folder / "message of $(whoami)"
    script.write_text(MAIL_SCRIPT)
    script.chmod(0o700)
    return f"{script} '{message}' {status}", message


async def test_an_invitation_is_sent_by_mail(server: Server, tmp_path: Path) -> None:
    command, message = write_mail_command(tmp_path, 0)
    url = "https://dash.example/accept#{token}"
    async with share_store(server, mail_command=command, invitation_url=url) as mailing:
        tenant = await mailing.create_tenant(name="Maison\nBcc: all@example.com")
        login = f"{uuid4().hex}@example.com"
        assert (await invite(tenant, login))["token"] is None
        text = email.message_from_bytes(message.read_bytes(), policy=email.policy.default)
        assert (text["To"], text["Bcc"]) == (login, None)
        (token,) = re.findall(r"https://dash\.example/accept#(\S+)", text.get_content())
        assert (await accept_by_token(mailing, token)).status_code == 204
        user = await mailing.find_user(login)
        other = await mailing.create_tenant()
        await invite(other, login)
        (listed,) = await list_invitations(mailing.client_of(user))
        assert listed["tokenRequired"] is False  # the owner has read mail of the address


@pytest.mark.parametrize("program", ["{command}", "/no/such/program"])
async def test_a_mail_that_cannot_be_sent_leaves_no_invitation(server: Server, tmp_path: Path, program: str) -> None:
    command, _ = write_mail_command(tmp_path, 75)
    async with share_store(server, mail_command=program.format(command=command)) as mailing:
        tenant = await mailing.create_tenant()
        body = build_new_user()
        for _ in range(2):
            answer = await tenant.admin.post(f"{tenant.url}/users", json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await tenant.admin.get(f"{tenant.url}/users")).json()["_$paginated"]["total"] == 3


@pytest.mark.parametrize("form", ["\u212aate.{}@EXAMPLE.com", "KATE.{}@example.com", "kate.{}@example.com"])
async def test_mail_goes_to_the_address_that_owns_the_login(server: Server, tmp_path: Path, form: str) -> None:
    """The mailbox of another form, such as one with the Kelvin sign, may belong to somebody else."""
    command, message = write_mail_command(tmp_path, 0)
    async with share_store(server, mail_command=command) as mailing:
        tenant, name = await mailing.create_tenant(), uuid4().hex
        assert (await invite(tenant, form.format(name)))["login"] == f"kate.{name}@example.com"
        text = email.message_from_bytes(message.read_bytes(), policy=email.policy.default)
        assert text["To"] == f"kate.{name}@example.com"


@pytest.mark.parametrize("form", ["stra\u00dfe", "\u017fam", "o\ufb01ce", "\uff4dax", "zero\u200bwidth", "m\u00b2"])
async def test_address_that_would_be_stored_as_another_one_is_refused(tenant: Tenant, form: str) -> None:
    answer = await tenant.admin.post(f"{tenant.url}/users", json={"login": f"{form}@example.com", "role": "reader"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/login")


async def test_a_login_is_the_same_in_each_unicode_form(
    server: Server, tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    name = uuid4().hex
    composed, decomposed = f"jos\u00e9.{name}@example.com", f"jose\u0301.{name}@example.com"
    invited = await invite(tenant, decomposed)
    assert invited["login"] == composed
    again = await tenant.admin.post(f"{tenant.url}/users", json={"login": composed, "role": "reader"})
    assert again.status_code == 422
    assert (await accept_by_token(server, invited["token"])).status_code == 204
    for login in (composed, decomposed, composed.upper()):
        answer = await nobody.post("/auth/login", json={"login": login, "password": FIRST_PASSWORD})
        assert answer.status_code == 200


async def test_mails_to_one_address_are_limited(server: Server, tmp_path: Path, clock: MovableClock) -> None:
    command, message = write_mail_command(tmp_path, 0)
    async with share_store(server, mail_command=command) as mailing:
        tenant, other = await mailing.create_tenant(), await mailing.create_tenant()
        body = build_new_user()

        async def invite_again(tenant: Tenant) -> httpx.Response:
            """Invite the login, and withdraw the invitation."""
            answer = await tenant.admin.post(f"{tenant.url}/users", json=body)
            if answer.status_code == 201:
                await tenant.admin.delete(f"{tenant.url}/users/{answer.json()['_id']}")
            return answer

        for _ in range(MAILS_PER_ADDRESS):
            assert (await invite_again(tenant)).status_code == 201
        message.unlink()
        refused = await invite_again(tenant)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
        assert not message.exists()
        assert (await tenant.admin.get(f"{tenant.url}/users")).json()["_$paginated"]["total"] == 3
        assert (await invite_again(other)).status_code == 201  # nothing of other applications is in the answer
        clock.ahead = timedelta(hours=24, seconds=1)
        assert (await invite_again(tenant)).status_code == 201


async def test_a_removed_user_has_no_earlier_invitation(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    body = build_new_user()
    invited = (await tenant.admin.post(f"{tenant.url}/users", json=body)).json()
    created = await platform.post(f"{tenant.url}/users", json={**body, "password": FIRST_PASSWORD})
    assert created.status_code == 201
    owner = server.client_of(await server.find_user(body["login"]))
    assert (await tenant.admin.delete(f"{tenant.url}/users/{created.json()['_id']}")).status_code == 204
    assert await list_invitations(owner) == []
    assert (await accept_by_token(server, invited["token"])).status_code == 422
    assert (await owner.get(tenant.url)).status_code == 404


async def test_a_second_role_for_the_same_login_is_refused(server: Server, tenant: Tenant) -> None:
    member = tenant.users[Role.READER].login
    pending = (await invite(tenant, f"{uuid4().hex}@example.com"))["login"]
    for login in (member, pending, pending.upper()):
        again = await tenant.admin.post(f"{tenant.url}/users", json={"login": login, "role": "admin"})
        assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/login")


async def test_a_role_is_changed_disabled_and_removed(server: Server, tenant: Tenant, admin: httpx.AsyncClient) -> None:
    user = tenant.users[Role.READER]
    caller, url = tenant.reader, f"{tenant.url}/users/{user.id}"
    site = {"name": "Lyon", "online": True}
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 403
    assert (await admin.put(url, json={"role": "editor"})).json()["role"] == "editor"
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 201
    disabled = (await admin.patch(url, json={"disabled": True})).json()
    assert (disabled["role"], disabled["disabled"]) == ("editor", True)
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await caller.get("/sites")).json()["documents"] == []
    assert (await admin.put(url, json={"disabled": False})).json()["role"] == "editor"
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 200
    assert (await admin.delete(url)).status_code == 204
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await admin.delete(url)).status_code == 404


async def test_roles_in_other_applications_are_kept(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.READER, other_tenant.id: Role.EDITOR})
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code == 204
    assert (await server.client_of(user).get(other_tenant.url)).status_code == 200


async def test_the_list_has_the_users_of_the_application_only(
    tenant: Tenant, admin: httpx.AsyncClient, stranger: object
) -> None:
    listed = (await admin.get(f"{tenant.url}/users")).json()
    assert {(document["_id"], document["role"]) for document in listed["documents"]} == {
        (user.id, role.value) for role, user in tenant.users.items()
    }
    user = tenant.users[Role.EDITOR]
    matches = (await admin.get(f"{tenant.url}/users", params={"q": user.login[:20].upper()})).json()
    assert [document["_id"] for document in matches["documents"]] == [user.id]


async def test_only_administrators_read_and_change_users(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for caller, status in ((tenant.reader, 403), (tenant.editor, 403), (stranger, 404)):
        assert (await caller.get(f"{tenant.url}/users")).status_code == status
        assert (await caller.post(f"{tenant.url}/users", json=build_new_user())).status_code == status
        user = tenant.users[Role.READER].id
        assert (await caller.put(f"{tenant.url}/users/{user}", json={"role": "admin"})).status_code == status
        assert (await caller.delete(f"{tenant.url}/users/{user}")).status_code == status


@pytest.mark.parametrize("name", ["{foreign_id}", "f" * 24, "nobody"])
async def test_a_user_of_another_application_is_not_found(
    tenant: Tenant, other_tenant: Tenant, admin: httpx.AsyncClient, name: str
) -> None:
    user = name.format(foreign_id=other_tenant.users[Role.READER].id)
    assert (await admin.put(f"{tenant.url}/users/{user}", json={"role": "admin"})).status_code == 404
    assert (await admin.delete(f"{tenant.url}/users/{user}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"login": "no address"}, "/login"),
        ({"role": "owner"}, "/role"),
        ({"role": None}, "/role"),
        ({"password": "too short"}, "/password"),
        ({"platformAdmin": True}, "/platformAdmin"),
        ({"generation": 7}, "/generation"),
    ],
)
async def test_a_bad_field_of_a_user_is_refused(
    tenant: Tenant, admin: httpx.AsyncClient, change: Json, pointer: str
) -> None:
    answer = await admin.post(f"{tenant.url}/users", json=build_new_user(**change))
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "domains", [("b\u00fccher.example", "xn--bcher-kva.example"), ("xn--p1ai.example", "рф.example")]
)
async def test_international_domain_is_the_same_login_in_both_forms(
    server: Server, tenant: Tenant, nobody: httpx.AsyncClient, domains: tuple[str, str]
) -> None:
    name = uuid4().hex
    first, second = (f"{name}@{domain}" for domain in domains)
    invited = await invite(tenant, first)
    assert (await accept_by_token(server, invited["token"])).status_code == 204
    for login in (first, second, second.upper()):
        answer = await nobody.post("/auth/login", json={"login": login, "password": FIRST_PASSWORD})
        assert answer.status_code == 200, login
    again = await tenant.admin.post(f"{tenant.url}/users", json={"login": second, "role": "reader"})
    assert (again.status_code, again.json()["code"]) == (422, "taken")


async def test_login_that_an_earlier_version_stored_keeps_working(server: Server, tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.READER})
    users = server.services.sessions.users
    login = f"{uuid4().hex}@xn--bcher-kva.example"

    async def store_old_form(stored: Json) -> Json:
        return stored | {"login": login}

    await users.change(await users.get_by_id(user.id), store_old_form)
    credentials = {"login": login.upper(), "password": PASSWORD}
    assert (await server.client().post("/auth/login", json=credentials)).status_code == 200
