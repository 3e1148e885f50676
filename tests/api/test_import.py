"""Imports of tables: sites with a mapper, other resources by the names of their fields."""

import httpx
import pytest
from okube_api.geo.place_cells import compute_cells

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

MAPPER = {
    "mapper[key]": "Code", "mapper[additional_keys]": "Autres", "mapper[name]": "Nom", "mapper[street_number]": "N°",
    "mapper[street]": "Rue", "mapper[postal_code]": "CP", "mapper[city]": "Ville", "mapper[country]": "Pays",
    "mapper[latitude]": "Lat", "mapper[longitude]": "Long", "mapper[timezone]": "Fuseau", "mapper[contact_name]": "Qui",
    "mapper[contact_email]": "Mail", "mapper[contact_phone]": "Tel", "mapper[presence]": "P", "mapper[tracking]": "T",
    "mapper[conversion]": "C",
}  # fmt: skip
FRENCH = (
    "Code;Autres;Nom;N°;Rue;CP;Ville;Pays;Lat;Long;Fuseau;Qui;Mail;Tel;P;T;C;Vide\r\n"
    "lyon;l2|l3;Café de Lyon;2;rue X;01000;Lyon;France;45,7578;4,832;Europe/Paris;Léa;l@x.fr;+33612;true;false;1;\r\n"
    "web;;Boutique en ligne;;;;;;;;;;;;;;;\r\n"
)


async def send(client: httpx.AsyncClient, url: str, content: str | bytes, **form: str) -> httpx.Response:
    raw = content if isinstance(content, bytes) else content.encode()
    return await client.post(url, files={"file": ("x.csv", raw, "text/csv")}, data=form)


async def import_table(tenant: Tenant, kind: str, content: str | bytes, **form: str) -> Json:
    response = await send(tenant.editor, f"{tenant.url}/{kind}", content, **form)
    assert response.status_code == 200, response.text
    report: Json = response.json()
    return report


async def list_names(tenant: Tenant, kind: str) -> list[str]:
    listed = (await tenant.reader.get(f"{tenant.url}/{kind}")).json()
    return [resource["name"] for resource in listed["documents"]]


def counts(report: Json) -> tuple[int, int, int, int]:
    return report["created"], report["updated"], report["unchanged"], report["failed"]


@pytest.mark.parametrize(
    ("codec", "encoding"), [("utf-8-sig", "utf8"), ("cp1252", "windows-1252"), ("latin-1", "iso-8859-1")]
)
async def test_sites_with_a_mapper(tenant: Tenant, reader: httpx.AsyncClient, codec: str, encoding: str) -> None:
    assert counts(await import_table(tenant, "sites/import", FRENCH.encode(codec), encoding=encoding, **MAPPER)) == (
        2,
        0,
        0,
        0,
    )
    site = (await reader.get(f"{tenant.url}/sites/l3")).json()
    assert {name: site[name] for name in ("key", "keys", "name", "online", "coordinates", "radius", "timezone")} == {
        "key": "lyon", "keys": ["l2", "l3"], "name": "Café de Lyon", "online": False, "coordinates": [4.832, 45.7578],
        "radius": 30, "timezone": "Europe/Paris",
    }  # fmt: skip
    assert site["address"] == {
        "streetNumber": "2", "street": "rue X", "postalCode": "01000", "city": "Lyon", "country": "France"
    }  # fmt: skip
    assert site["deliveryContact"] == {"name": "Léa", "email": "l@x.fr", "phone": "+33612"}
    assert site["modules"] == {"presence": True, "tracking": False, "conversion": True}
    assert site["indoorIndexes"] == compute_cells((4.832, 45.7578), 30)["indoorIndexes"]
    web = (await reader.get(f"{tenant.url}/sites/web")).json()
    assert (web["online"], web["address"], web["coordinates"]) == (True, {}, [])
    assert counts(await import_table(tenant, "sites/import", FRENCH.encode(codec), encoding=encoding, **MAPPER)) == (
        0,
        0,
        2,
        0,
    )


async def test_rows_update_by_id_and_by_any_key(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    first = await tenant.create("sites", name="A", online=True, key="a", keys=["a2"], description="unchanged")
    second = await tenant.create("sites", name="B", online=True)
    content = f"_id,Code,Nom\n,a2,A2\n{second['_id']},b,B2\n5e1834b0e12d62a85b388a1b,c,C\n"
    mapper = {"mapper[id]": "true", "mapper[key]": "Code", "mapper[name]": "Nom"}
    assert counts(await import_table(tenant, "sites/import", content, **mapper)) == (1, 2, 0, 0)
    sites = (await reader.get(f"{tenant.url}/sites")).json()["documents"]
    assert [(site["key"], site["name"], site["description"]) for site in sites] == [
        ("a", "A2", "unchanged"), ("b", "B2", None), ("c", "C", None)
    ]  # fmt: skip
    assert sites[0]["_id"] == first["_id"]


async def test_fields_without_a_column_stay_unchanged(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    await tenant.create(
        "pois", name="P", coordinates=[4.8, 45.7], key="p", address={"city": "Lyon", "country": "France"}
    )
    assert counts(await import_table(tenant, "pois", "key,address.city,description\np,Lille,\n")) == (0, 1, 0, 0)
    assert (await reader.get(f"{tenant.url}/pois/p")).json()["address"] == {"city": "Lille", "country": "France"}


@pytest.mark.parametrize("kind", ["pois", "campaigns", "studies"])
async def test_tables_of_other_resources(tenant: Tenant, reader: httpx.AsyncClient, kind: str) -> None:
    await tenant.create("sites", name="Web", online=True, key="web")
    place = ("longitude,latitude,", "4.8,45.7,") if kind == "pois" else ("", "")
    content = f"key,{place[0]}name,sites,tags\na,{place[1]}A,web,x|y\nb,{place[1]}B,,\n"
    for path in (f"/{kind}", f"/applications/{tenant.id}/{kind}", f"/a/{tenant.key}/{kind}"):
        form = {"app": tenant.key} if path == f"/{kind}" else {}
        response = await send(tenant.editor, path, content, **form)
        assert response.status_code == 200, response.text
    first, second = (await reader.get(f"{tenant.url}/{kind}")).json()["documents"]
    assert (first["name"], len(first["sites"]), first["tags"]) == ("A", 1, ["x", "y"])
    assert (second["name"], second["sites"], second["tags"]) == ("B", [], [])


@pytest.mark.parametrize(
    ("days", "form", "expected"),
    [
        (("03/02/2023", "28/02/2023"), {}, ("2023-02-03", "2023-02-28")),
        (("03.02.2023", "05.02.2023"), {"dates": "dmy"}, ("2023-02-03", "2023-02-05")),
    ],
)
async def test_days_of_campaigns_as_spreadsheets_write_them(
    tenant: Tenant, reader: httpx.AsyncClient, days: tuple[str, str], form: dict[str, str], expected: tuple[str, str]
) -> None:
    content = f"key;name;from;to\na;A;{days[0]};{days[1]}\n"
    response = await send(tenant.editor, f"{tenant.url}/campaigns", content, **form)
    assert response.status_code == 200, response.text
    (campaign,) = (await reader.get(f"{tenant.url}/campaigns")).json()["documents"]
    assert (campaign["from"], campaign["to"]) == expected


async def test_sites_as_a_spreadsheet_saves_them(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    content = "sep=;\nkey; name ;online;active;level\nw;Web;VRAI;FAUX;-1,0\n"
    response = await send(tenant.editor, f"{tenant.url}/sites/import", content)
    assert response.status_code == 200, response.text
    (site,) = (await reader.get(f"{tenant.url}/sites")).json()["documents"]
    assert (site["name"], site["online"], site["active"], site["level"]) == ("Web", True, False, -1)


INVALID_ROWS = (
    "key,name,longitude,latitude,radius,sites,tags\n"
    "a,A,4.8,45.7,,,\n"
    "b,,4.8,45.7,,,\n"  # no name
    'c,C,4.8,"45.7\n",400,,\n'  # radius, over two lines
    "d,D,4.8,95,,,\n"  # the pair of coordinates
    "e,E,4.8,45.7,,web|nowhere,\n"  # sites
    "a,A2,4.8,45.7,,,\n"  # a, again
    "f,F,4.8,45.7,x,,\n"  # radius
    "g,G,4.8\n"  # short: no latitude
    "taken,H,4.8,45.7,,,\n"
)


async def test_one_invalid_row_refuses_the_table(tenant: Tenant) -> None:
    await tenant.create("sites", name="Web", online=True, key="web")
    response = await send(tenant.editor, f"{tenant.url}/pois", INVALID_ROWS)
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["failed"] == 7
    faults = {
        (fault["line"], fault["column"]): (fault["in"], fault["pointer"], fault["code"]) for fault in problem["errors"]
    }
    assert faults == {
        (3, "name"): ("body", "/file", "missing"),
        (4, "radius"): ("body", "/file", "invalid"),
        (6, "longitude"): ("body", "/file", "invalid"),
        (7, "sites"): ("body", "/file", "unknown_reference"),
        (8, "key"): ("body", "/file", "taken"),
        (9, "radius"): ("body", "/file", "invalid"),
        (10, "latitude"): ("body", "/file", "invalid"),
    }
    assert await list_names(tenant, "pois") == []


async def test_file_of_another_name_is_refused_with_the_right_name(tenant: Tenant) -> None:
    answer = await tenant.editor.post(f"{tenant.url}/sites/import", files={"table": ("x.csv", b"name\n", "text/csv")})
    assert (answer.status_code, answer.json()["detail"]) == (400, "Unknown file 'table'. Name it 'file'.")


async def test_partial_import_takes_the_valid_rows(tenant: Tenant) -> None:
    await tenant.create("sites", name="Web", online=True, key="web")
    response = await tenant.editor.post(
        f"{tenant.url}/pois", files={"file": ("x.csv", INVALID_ROWS.encode())}, params={"partial": "true"}
    )
    assert response.status_code == 200, response.text
    assert counts(response.json()) == (2, 0, 0, 7)
    assert len(response.json()["errors"]) == 7
    assert await list_names(tenant, "pois") == ["A", "H"]


async def test_first_hundred_faults_are_listed_and_all_are_counted(tenant: Tenant) -> None:
    content = "key,name,longitude,latitude\n" + "".join(f"{number},,1,1\n" for number in range(1100))
    problem = (await send(tenant.editor, f"{tenant.url}/pois", content)).json()
    assert (problem["failed"], len(problem["errors"]), problem["errors"][-1]["line"]) == (1100, 100, 101)


async def test_key_of_another_site_is_taken(tenant: Tenant) -> None:
    await tenant.create("sites", name="A", online=True, key="a", keys=["a2"])
    content = "key,keys,name\nb,x|a2,B\nc,y,C\nd,y,D\n"
    problem = (await send(tenant.editor, f"{tenant.url}/sites/import", content)).json()
    assert [(fault["line"], fault["code"]) for fault in problem["errors"]] == [(2, "taken"), (4, "taken")]


async def test_address_of_an_online_site_is_refused(tenant: Tenant) -> None:
    await tenant.create("sites", name="Web", online=True, key="web")
    content = "Code,Ville\nweb,Lyon\n"
    mapper = {"mapper[key]": "Code", "mapper[city]": "Ville"}
    problem = (await send(tenant.editor, f"{tenant.url}/sites/import", content, **mapper)).json()
    assert [(fault["line"], fault["column"]) for fault in problem["errors"]] == [(2, "Ville")]


@pytest.mark.parametrize(
    ("content", "form", "status", "detail"),
    [
        ("Nom\nx\n", {"mapper[name]": "Name"}, 422, "no column 'Name'"),
        ("name,nom\nx,y\n", {}, 422, "Unknown column 'nom'"),
        ("", {}, 422, "no header"),
        ("name\nx\n", {"encoding": "utf-7"}, 400, "Unsupported encoding 'utf-7'. Use utf-8, utf-16,"),
        ("name\nx\n", {"encoding": "utf-16"}, 422, "encoding"),
        ("name\nx\n", {"timezone": "Paris"}, 400, "Europe/Paris"),
        ("name\nx\n", {"unit[radius]": "yd"}, 400, "'km'"),
        ("name\nx\n", {"unit[name]": "m"}, 400, "Unknown field 'name'"),
        ("name\nx\n", {"mapper[address][town][x]": "x"}, 400, "string"),
        ("name\nx\n", {"mapper[online][x]": "x"}, 400, "Unknown field 'online.x'"),
        ("name\nx\n", {"delimiter": ";;"}, 400, "pattern"),
        ("name\nx\n", {"mapper[nom]": "x"}, 400, "Unknown field 'nom'"),
        ("name\nx\n", {"mapper[id]": "perhaps"}, 400, "boolean"),
        ("name\nx\n", {"app": "x"}, 400, "already names the application"),
    ],
)
async def test_invalid_uploads_are_refused(tenant: Tenant, content: str, form: Json, status: int, detail: str) -> None:
    response = await send(tenant.editor, f"{tenant.url}/sites/import", content, **form)
    assert response.status_code == status, response.text
    assert detail in response.json()["detail"]


async def test_other_bodies_are_refused(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    url = f"{tenant.url}/sites/import"
    assert (await editor.post(url, json={})).status_code == 415
    assert (await editor.post(url, data={"x": "y"})).status_code == 415
    assert (await editor.post(url, files={"other": b"name\nx\n"})).status_code == 400
    assert (await editor.post(url, files=[("file", b"name\n"), ("file", b"name\n")])).status_code == 400
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nname\r\nLyon'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await editor.post(url, content=cut, headers=headers)).status_code == 400
    assert (await editor.post(url, content=cut, headers={"Content-Type": "multipart/form-data"})).status_code == 400


@pytest.mark.parametrize("path", ["sites/import", "pois", "campaigns", "studies"])
@pytest.mark.parametrize(("user", "status"), [("reader", 403), ("stranger", 404), ("nobody", 401)])
async def test_only_editors_may_import(  # noqa: PLR0917 - fixtures and parameters
    tenant: Tenant, stranger: httpx.AsyncClient, nobody: httpx.AsyncClient, path: str, user: str, status: int
) -> None:
    clients = {"reader": tenant.reader, "stranger": stranger, "nobody": nobody}
    assert (await send(clients[user], f"{tenant.url}/{path}", "key\nx\n")).status_code == status


async def test_id_of_another_application_is_ignored(tenant: Tenant, other_tenant: Tenant) -> None:
    theirs = await other_tenant.create("pois", name="theirs", coordinates=[4.8, 45.7], key="p")
    content = f"_id,key,name,longitude,latitude\n{theirs['_id']},q,mine,1,1\n"
    assert counts(await import_table(tenant, "pois", content)) == (1, 0, 0, 0)
    assert await list_names(other_tenant, "pois") == ["theirs"]
    mine = (await tenant.reader.get(f"{tenant.url}/pois/q")).json()
    assert mine["_id"] != theirs["_id"]


async def test_boolean_is_not_the_number_one(tenant: Tenant) -> None:
    await tenant.create("sites", name="A", online=True, key="a", attributes={"lift": 1})
    table = b"key,name,online,attributes.lift\na,A,true,true\n"
    assert counts(await import_table(tenant, "sites/import", table)) == (0, 1, 0, 0)
    assert (await tenant.reader.get(f"{tenant.url}/sites/a")).json()["attributes"]["lift"] is True


async def test_empty_options_of_a_form_are_absent(tenant: Tenant) -> None:
    """Send every field of the form, as a page does whose fields are not all filled in."""
    form = dict.fromkeys((*MAPPER, "mapper[id]", "delimiter", "app"), "")
    assert counts(await import_table(tenant, "sites/import", "key;name\ns1;Sète\n", **form)) == (1, 0, 0, 0)
    mapped = {**form, "mapper[key]": "Code", "mapper[name]": "Nom"}
    assert counts(await import_table(tenant, "sites/import", "Code,Nom\ns1,Agde\n", **mapped)) == (0, 1, 0, 0)
    assert await list_names(tenant, "sites") == ["Agde"]


@pytest.mark.parametrize("kind", ["sites/import", "pois", "campaigns", "studies"])
async def test_a_key_whose_leading_zeros_a_spreadsheet_removed_is_refused(tenant: Tenant, kind: str) -> None:
    place = ("longitude,latitude,", "4.8,45.7,") if kind == "pois" else ("", "")
    content = f"key,{place[0]}name\n0075,{place[1]}Paris\n75,{place[1]}Seine\n"
    assert counts(await import_table(tenant, kind, content)) == (2, 0, 0, 0)
    collection = kind.partition("/")[0]
    ids = {
        one["key"]: one["_id"] for one in (await tenant.reader.get(f"{tenant.url}/{collection}")).json()["documents"]
    }
    saved = f"_id;key;name\n{ids['75']};75;Seine 2\n{ids['0075']};75;Paris 2\n"
    refused = await send(tenant.editor, f"{tenant.url}/{kind}", saved)
    assert refused.status_code == 422, refused.text
    (fault,) = refused.json()["errors"]
    assert (fault["line"], fault["column"], "0075" in fault["message"]) == (3, "key", True)
    assert await list_names(tenant, collection) == ["Paris", "Seine"]
    renamed = f"_id;key;name\n{ids['0075']};paris;Paris 3\n"
    assert counts(await import_table(tenant, kind, renamed)) == (0, 1, 0, 0)


async def test_costs_as_columns(tenant: Tenant) -> None:
    """Import a cost in columns and one in JSON; the export has both as JSON, and importing it changes nothing."""
    content = (
        "key;cost.amount;cost.type;cost.from;cost.to;cost.currency;cost.order;costs\n"
        "a;1500,5;cpm;;;EUR;PO 7;\n"
        "b;2000;fixed;03/02/2023;28/02/2023;;;\n"
        'c;;;;;;;"{""type"": ""cpc"", ""amount"": 1}|{""type"": ""cpm"", ""amount"": 2}"\n'
        "d;;;;;;;\n"
    )
    assert counts(await import_table(tenant, "campaigns", content)) == (4, 0, 0, 0)
    costs = {
        campaign["key"]: campaign["costs"]
        for campaign in (await tenant.reader.get(f"{tenant.url}/campaigns")).json()["documents"]
    }
    assert costs == {
        "a": [{"amount": 1500.5, "type": "cpm", "currency": "EUR", "order": "PO 7"}],
        "b": [{"amount": 2000, "type": "fixed", "from": "2023-02-03", "to": "2023-02-28", "currency": "EUR"}],
        "c": [{"amount": 1, "type": "cpc", "currency": "EUR"}, {"amount": 2, "type": "cpm", "currency": "EUR"}],
        "d": [],
    }
    exported = await tenant.reader.get(f"{tenant.url}/campaigns", headers={"Accept": "text/csv"})
    assert counts(await import_table(tenant, "campaigns", exported.content)) == (0, 0, 4, 0)
    refused = await send(tenant.editor, f"{tenant.url}/campaigns", "key,cost.amount,cost.type\na,1,cpx\n")
    assert [(fault["line"], fault["column"]) for fault in refused.json()["errors"]] == [(2, "cost.type")]
    assert counts(await import_table(tenant, "campaigns", "key,cost.amount,cost.type\na,,\n")) == (0, 1, 0, 0)
    assert (await tenant.reader.get(f"{tenant.url}/campaigns?keys=a")).json()["documents"][0]["costs"] == []


OWN_COLUMNS = (
    "ID boutique;Magasin;Téléphone;Étiquettes;Lundi;Mardi;Dimanche;Segment;Étage;Rayon;Remarque\r\n"
    "b1;Métropole;'+33 1 02;centre|gare;9h-12h30, 14:00-19:00;9-19;fermé;A;2;0,12;à ne pas lire\r\n"
)
OWN_MAPPER = {
    "mapper[key]": "ID boutique", "mapper[name]": "Magasin", "mapper[phone]": "Téléphone",
    "mapper[tags]": "Étiquettes", "mapper[openings][monday]": "Lundi", "mapper[openings.tuesday]": "Mardi",
    "mapper[openings][sunday]": "Dimanche", "mapper[attributes][segment]": "Segment",
    "mapper[address.floor]": "Étage", "mapper[radius]": "Rayon", "unit[radius]": "km",
}  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-16", "utf8"), ("utf-16-le", "utf-16"), ("utf-16-be", "UTF-16"), ("iso8859-15", "iso-8859-15")],
)
async def test_nested_columns_of_sites_with_names_of_their_own(tenant: Tenant, codec: str, encoding: str) -> None:
    await tenant.create("sites", key="b1", name="x", coordinates=[2.3, 48.8], online=False, address={"city": "Paris"})
    report = await import_table(tenant, "sites/import", OWN_COLUMNS.encode(codec), encoding=encoding, **OWN_MAPPER)
    assert counts(report) == (0, 1, 0, 0)
    site = (await tenant.reader.get(f"{tenant.url}/sites/b1")).json()
    assert {name: site[name] for name in ("name", "phoneNumber", "tags", "attributes", "radius", "address")} == {
        "name": "Métropole", "phoneNumber": "+33 1 02", "tags": ["centre", "gare"], "attributes": {"segment": "A"},
        "radius": 120, "address": {"city": "Paris", "floor": 2},
    }  # fmt: skip
    assert site["openings"] == {"monday": [["09:00", "12:30"], ["14:00", "19:00"]], "tuesday": [["09:00", "19:00"]]}
    assert site["description"] is None


async def test_campaigns_with_columns_of_their_own(tenant: Tenant) -> None:
    """Map columns of campaigns, whose days are instants of a database and whose windows are hours."""
    content = (
        "id;Nom;Début;Fin;Budget;Base;Fenêtre;Région;key\n"
        "c1;Été;2024-03-31T22:00:00Z;2024-05-01 21:59:59+00;9,5;cpm;48;Sud;not read\n"
        "c2;Ski;2024-01-01T00:30:00+01:00;2024-01-02 23:00:00;7;cpc;36;;not read\n"
    )
    mapper = {
        "mapper[key]": "id", "mapper[name]": "Nom", "mapper[from]": "Début", "mapper[to]": "Fin",
        "mapper[cost][amount]": "Budget", "mapper[cost.type]": "Base", "mapper[windows.click]": "Fenêtre",
        "mapper[extra][region]": "Région", "timezone": "Europe/Paris", "unit[windows][click]": "h",
    }  # fmt: skip
    refused = await send(tenant.editor, f"{tenant.url}/campaigns", content, **mapper)
    assert [(fault["line"], fault["column"]) for fault in refused.json()["errors"]] == [(3, "Fenêtre")]
    content = content.replace(";36;", ";24;")
    assert counts(await import_table(tenant, "campaigns", content, **mapper)) == (2, 0, 0, 0)
    first, second = (await tenant.reader.get(f"{tenant.url}/campaigns?with_extra=true")).json()["documents"]
    assert (first["from"], first["to"], first["windows"]["click"]) == ("2024-04-01", "2024-05-01", 2)
    assert (first["costs"][0]["amount"], first["costs"][0]["type"], first["extra"]) == (9.5, "cpm", {"region": "Sud"})
    assert (second["from"], second["to"], second["windows"]["click"]) == ("2024-01-01", "2024-01-02", 1)
    refused = await send(tenant.editor, f"{tenant.url}/campaigns", content, **{**mapper, "timezone": ""})
    assert ["`timezone`" in fault["message"] for fault in refused.json()["errors"]] == [True, True, True, False]


@pytest.mark.parametrize(
    ("kind", "content", "mapper"),
    [
        (
            "pois",
            "Nom,Lat,Lon,Type,Magasins,Rue\nParc,45.7,4.8,park,web,1 rue X\n",
            {"name": "Nom", "latitude": "Lat", "longitude": "Lon", "type": "Type", "sites": "Magasins",
             "address][street": "Rue"},
        ),
        (
            "studies",
            "Code;Titre;Du;Au;Magasins;Méthode\ns;Étude;01/02/2024;28/02/2024;web;panel\n",
            {"key": "Code", "name": "Titre", "from": "Du", "to": "Au", "sites": "Magasins",
             "parameters.method": "Méthode"},
        ),
    ],
)  # fmt: skip
async def test_pois_and_studies_with_columns_of_their_own(
    tenant: Tenant, kind: str, content: str, mapper: dict[str, str]
) -> None:
    web = await tenant.create("sites", name="Web", online=True, key="web")
    form = {f"mapper[{name}]": column for name, column in mapper.items()}
    assert counts(await import_table(tenant, kind, content, **form)) == (1, 0, 0, 0)
    (document,) = (await tenant.reader.get(f"{tenant.url}/{kind}")).json()["documents"]
    assert document["sites"] == [web["_id"]]
    if kind == "pois":
        assert (document["name"], document["coordinates"], document["address"]) == (
            "Parc",
            [4.8, 45.7],
            {"street": "1 rue X"},
        )
    else:
        assert (document["from"], document["parameters"]) == ("2024-02-01", {"method": "panel"})
    again = await import_table(
        tenant,
        kind,
        f"_id,{'Titre' if kind == 'studies' else 'Nom'}\n{document['_id']},Z\n",
        **{"mapper[id]": "true", "mapper[name]": "Titre" if kind == "studies" else "Nom"},
    )
    assert counts(again) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    ("content", "form", "words"),
    [
        ("Nom;Prénom\nx;y\n".encode("cp1252"), {}, ("`encoding`", "windows-1252")),
        ("key;name\n1;Noël\n".encode("cp1252"), {}, ("`encoding`", "windows-1252")),
        ("Clé;name\n1;x\n", {"encoding": "windows-1252"}, ("Unknown column", "`encoding`", "utf8")),
        ("N°;Nom\n1;x\n", {"encoding": "iso-8859-1", "mapper[key]": "N°"}, ("no column 'N°'", "`encoding`")),
        ("key;name\n1;x\n".encode("utf-16-le"), {}, ("NUL", "`encoding=utf-16`")),
        ("key;name\n1;x\n", {"encoding": "utf-16"}, ("`encoding`",)),
        ("Code;name\n1;x\n", {}, ("Unknown column 'Code'", "`mapper[field]`")),
        ("key;Nom\n1;x\n", {"mapper[key]": "key"}, ("'name' is required", "`mapper[name]`")),
        ("key;Nom\n1;x\n", {"mapper[key]": "Key"}, ("no column 'Key'", "Did you mean 'key'?", "`mapper`")),
        ("key;name;online\n1;x;prÃªt\n", {}, ("boolean", "`encoding`")),
    ],
)
async def test_errors_name_the_option_that_would_help(
    tenant: Tenant, content: str | bytes, form: dict[str, str], words: tuple[str, ...]
) -> None:
    refused = await send(tenant.editor, f"{tenant.url}/sites/import", content, **form)
    assert refused.status_code == 422, refused.text
    message = refused.json()["errors"][0]["message"]
    assert [word for word in words if word not in message] == [], message


async def test_missing_coordinates_name_both_columns(tenant: Tenant) -> None:
    refused = await send(tenant.editor, f"{tenant.url}/pois", "name;Lat;Lon\nx;1;2\n", **{"mapper[name]": "name"})
    assert "`mapper[longitude]` and `mapper[latitude]`" in refused.json()["errors"][0]["message"]
