"""Compares the names of columns with those that people give to fields, in English and French."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache

from okube_api.errors import find_similar

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")  # in which there are units
_ARTICLES = frozenset(("de", "du", "des", "d", "la", "le", "les", "l", "of", "the", "en", "a", "au"))
_MIN_PLURAL = 4
_LONGEST_NAME = 60  # characters
MIN_NAME_SCORE = 0.5
"""The least score with which a name is that of a field."""

_PERSON = (
    "user", "user id", "client", "id client", "code client", "numero client", "customer", "customer id", "visitor",
    "visitor id", "visiteur", "id visiteur", "utilisateur", "id utilisateur", "membre", "member", "member id",
    "carte fidelite", "numero carte", "carte client", "loyalty card", "panelist", "paneliste", "identifiant client",
    "contact", "email", "e mail", "mail", "porteur", "adherent", "shopper", "person", "personne", "ref client",
    "no client", "n client", "idclient", "codeclient", "userid", "customerid", "device id", "maid", "idfa",
)  # fmt: skip
_SITE = (
    "site", "magasin", "boutique", "point vente", "pdv", "store", "shop", "branch", "filiale", "agence", "enseigne",
    "code magasin", "code site", "code boutique", "code pdv", "code point vente", "id magasin", "id site", "site id",
    "store id", "store code", "shop id", "shop code", "nom magasin", "nom boutique", "store name", "shop name",
    "site name", "numero magasin", "store number", "magasin code", "location", "etablissement", "lieu", "codemagasin",
    "mag", "code mag", "numero mag", "id mag", "nom mag",
)  # fmt: skip
_INSTANT = (
    "at", "date", "datetime", "date heure", "date time", "timestamp", "horodatage", "horodate", "instant", "moment",
    "jour", "heure", "time", "ts", "event time", "created at", "date visite", "visit date", "heure visite",
    "date achat", "date vente", "date ticket", "heure ticket", "purchase date", "order date", "date commande",
    "transaction date", "date transaction", "heure achat", "heure vente", "date passage", "heure passage",
)  # fmt: skip
_BEGIN = (
    "start", "debut", "date debut", "heure debut", "arrivee", "date arrivee", "heure arrivee", "entree",
    "date entree", "heure entree", "start time", "start date", "begin", "arrival", "entry", "check in",
)  # fmt: skip
_END = (
    "end", "fin", "date fin", "heure fin", "depart", "date depart", "heure depart", "sortie", "date sortie",
    "heure sortie", "end time", "end date", "departure", "exit", "leave", "check out",
)  # fmt: skip
_LATITUDE = ("lat", "latitude", "y", "gps lat", "coord y", "geo lat")
_LONGITUDE = ("lng", "lon", "long", "longitude", "x", "gps lon", "gps lng", "coord x", "geo lon", "geo lng")
_CAMPAIGN = (
    "campaign", "campagne", "code campagne", "id campagne", "campaign id", "campaign key", "campaign code", "operation",
    "nom campagne", "campaign name", "ref campagne", "cle campagne", "op", "code operation", "operation commerciale",
)  # fmt: skip
_CODE = ("key", "code", "cle", "id", "identifiant", "reference", "ref", "external id", "numero")
_FROM = ("from", *_BEGIN, "du", "valid from", "premier jour", "lancement")
_TO = ("to", *_END, "au", "valid to", "dernier jour")
_COST = (
    "cost", "cout", "budget", "montant", "depense", "spend", "amount", "cout total", "budget total", "cout campagne",
    "cout ttc", "cout ht", "montant ht", "montant ttc", "investissement", "prix", "media cost", "invest",
)  # fmt: skip

FIELD_NAMES: Mapping[str, Collection[str]] = {
    "user": _PERSON,
    "device": ("device", "device id", "appareil", "mac", "mac address", "adresse mac", "terminal", "id appareil"),
    "site": _SITE,
    "poi": ("poi", "point interet", "point of interest", "lieu", "concurrent", "competitor"),
    "equipment": ("equipment", "equipement", "sensor", "capteur", "borne", "beacon", "id capteur", "sensor id"),
    "campaign": _CAMPAIGN,
    "at": (*_INSTANT, *_BEGIN),
    "start": (*_BEGIN, *_INSTANT),
    "end": _END,
    "day": ("day", "date", "jour", "date diffusion", "report date"),
    "amount": (
        "amount",
        "montant",
        "montant ttc",
        "montant ht",
        "total",
        "total ttc",
        "ca",
        "ca ttc",
        "prix",
        "prix ttc",
        "price",
        "revenue",
        "chiffre affaires",
        "net",
        "ttc",
        "valeur",
        "value",
        "sales",
        "vente",
        "montant ticket",
        "montant achat",
        "montant total",
        "total amount",
        "basket",
        "panier",
        "somme",
        "montant eur",
        "mt ttc",
        "order total",
        "amount eur",
        "montant vente",
    ),
    "order": (
        "order",
        "order id",
        "order number",
        "ticket",
        "numero ticket",
        "ticket id",
        "id ticket",
        "commande",
        "numero commande",
        "id commande",
        "receipt",
        "receipt number",
        "facture",
        "numero facture",
        "transaction",
        "transaction id",
        "id transaction",
        "no ticket",
        "n ticket",
        "bon",
        "invoice",
    ),
    "id": ("id", "event id", "visit id", "id visite", "uuid", "guid", "id evenement"),
    "duration_s": (
        "duration",
        "duree",
        "duration s",
        "duree s",
        "temps",
        "temps passe",
        "dwell",
        "dwell time",
        "duree visite",
        "duree presence",
        "temps presence",
        "time spent",
        "seconds",
        "minutes",
    ),
    "zone": ("zone", "zone type"),
    "kind": ("kind", "type", "event", "evenement", "interaction", "action", "touch type", "type contact"),
    "prints": ("prints", "impression", "print", "affichage", "vue", "view", "envoi", "diffuse", "delivered"),
    "clicks": ("click", "clic"),
    "openings": ("opening", "ouverture", "open"),
    "lng": _LONGITUDE,
    "lat": _LATITUDE,
    "longitude": _LONGITUDE,
    "latitude": _LATITUDE,
    "accuracy": ("accuracy", "precision", "horizontal accuracy", "hdop"),
    "speed": ("speed", "vitesse"),
    "code": ("code", "iris", "code iris", "iris code", "area code"),
    "geometry": ("geometry", "geometrie", "wkt", "geojson", "polygon", "polygone", "contour", "shape", "the geom"),
    "weight": ("weight", "poids", "coefficient", "ponderation"),
    "home": ("home", "domicile", "iris domicile", "home iris", "residence"),
    "work": ("work", "travail", "iris travail", "work iris"),
    "os": ("os", "systeme", "operating system"),
    "manufacturer": ("manufacturer", "fabricant", "marque", "constructeur"),
    "model": ("model", "modele"),
    # tables
    "key": _CODE,
    "name": ("name", "nom", "libelle", "label", "designation", "intitule", "title", "titre"),
    "description": ("description", "commentaire", "comment", "remarque", "note"),
    "street_number": ("street number", "numero rue", "numero voie", "n rue", "house number"),
    "street": ("street", "rue", "adresse", "address", "voie", "adresse 1", "adresse1", "address line 1"),
    "postal_code": ("postal code", "code postal", "cp", "zip", "zip code", "postcode", "codepostal"),
    "city": ("city", "ville", "commune", "town", "localite"),
    "country": ("country", "pays", "code pays", "country code"),
    "timezone": ("timezone", "time zone", "fuseau", "fuseau horaire", "tz"),
    "phone": ("phone", "telephone", "tel", "phone number", "numero telephone"),
    "contact_name": ("contact name", "responsable", "directeur", "manager", "nom contact"),
    "contact_email": ("contact email", "email", "mail", "e mail", "courriel"),
    "contact_phone": ("contact phone", "telephone contact"),
    "radius": ("radius", "rayon"),
    "type": ("type", "categorie", "category", "format", "format magasin", "concept"),
    "tags": ("tag", "etiquette", "region", "zone", "secteur", "groupe"),
    "active": ("active", "actif", "ouvert"),
    "online": ("online", "en ligne", "web", "e commerce"),
    "capacity": ("capacity", "capacite"),
    "parent": ("parent",),
    "provider": ("provider", "fournisseur", "regie", "plateforme", "platform", "support", "publisher", "editeur"),
    "agency": ("agency", "agence"),
    "format": ("format", "canal", "channel", "media", "levier"),
    "from": _FROM,
    "to": _TO,
    "sites": ("sites", "magasins", "boutiques", "stores"),
    "pois": ("pois", "points interet"),
    "cost": _COST,
    "cost_type": ("cost type", "type cout", "mode achat", "pricing", "modele achat", "type achat"),
    "cost_from": ("cost from", "debut cout", "cout du"),
    "cost_to": ("cost to", "fin cout", "cout au"),
    "cost.currency": ("currency", "devise", "monnaie"),
    "address.streetNumber": ("street number", "numero rue"),
    "address.street": ("street", "rue", "adresse", "address", "voie"),
    "address.postalCode": ("postal code", "code postal", "cp", "zip", "zip code", "postcode"),
    "address.city": ("city", "ville", "commune", "town"),
    "address.country": ("country", "pays"),
}
"""What people call a field, in lower case without accents and articles, singular."""

LOYALTY_WORDS = frozenset(("carte", "card", "fidelite", "loyalty", "adherent"))
"""Words in the name of a column that has members of a loyalty programme, who are no panelists."""

CUSTOMER_WORDS = frozenset(("client", "customer", "shopper"))
"""Words in the name of a column that may have customers of the retailer rather than panelists."""

KIND_FIELD_NAMES: Mapping[tuple[str, str], Collection[str]] = {
    ("sites", "key"): (*_CODE, *(name for name in _SITE if "nom" not in name and "name" not in name)),
    ("sites", "name"): (*FIELD_NAMES["name"], *(name for name in _SITE if "code" not in name and " id" not in name)),
    ("pois", "name"): (*FIELD_NAMES["name"], "poi", "lieu", "concurrent", "competitor", "place", "nom concurrent"),
    ("pois", "type"): (*FIELD_NAMES["type"], "enseigne", "brand", "marque"),
    ("campaigns", "key"): (*_CODE, *(name for name in _CAMPAIGN if "nom" not in name and "name" not in name)),
    ("campaigns", "name"): (
        *FIELD_NAMES["name"],
        *(name for name in _CAMPAIGN if "nom" in name or "name" in name),
        "campagne",
        "campaign",
    ),
    ("studies", "key"): (*_CODE, "study", "etude", "code etude"),
    ("studies", "name"): (*FIELD_NAMES["name"], "nom etude", "study name"),
    ("areas", "name"): (*FIELD_NAMES["name"], "nom iris", "area", "area name"),
}
"""What people call the fields of one kind of file, where that differs."""


def split_name(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case, without accents, articles and plurals."""
    outside = _BRACKETS.sub(" ", name)
    spaced = _CAMEL.sub(" ", (outside if outside.strip() else name).replace("°", "umero "))
    plain = unicodedata.normalize("NFKD", spaced.replace("œ", "oe")).encode("ascii", "ignore").decode().lower()
    words = _WORD.findall(plain)
    words = [word for word in words if word not in _ARTICLES] or words  # `Du` and `Au` are days
    return tuple(word[:-1] if len(word) > _MIN_PLURAL and word.endswith("s") else word for word in words)


@cache
def list_field_names(kind: str, field: str) -> frozenset[tuple[str, ...]]:
    """Return the words of each name of a field of a kind of files."""
    names = KIND_FIELD_NAMES.get((kind, field)) or FIELD_NAMES.get(field, ())
    return frozenset(split_name(name) for name in (*names, field)) - {()}


def score_name(words: Sequence[str], names: Collection[tuple[str, ...]]) -> float:
    """Return how well the words of a column's name are a name of a field, from 0 to 1."""
    words = tuple(words)
    if words in names:
        return 1.0
    best = 0.0
    for name in names:
        size = len(name)
        if any(words[low : low + size] == name for low in range(len(words) - size + 1)):
            best = max(best, 0.4 + 0.4 * size / len(words))
    return best


def suggest_field(kind: str, name: str, fields: Sequence[str], option: str | None = None) -> str:
    """Return ` Did you mean 'x'?` for the field of a kind that people call so, else for the most similar one.

    Return an empty string when no field is similar.

    name: an unknown one.
    option: `mapper` to suggest `mapper[x]` instead of `x`.
    """
    field = _find_field(kind, name, tuple(fields)) if len(name) <= _LONGEST_NAME else None
    field = field or find_similar(name, fields)
    if field is None:
        return ""
    return f" Did you mean '{field if option is None else f'{option}[{field}]'}'?"


@lru_cache(maxsize=1024)
def _find_field(kind: str, name: str, fields: tuple[str, ...]) -> str | None:
    """Return the field that people call so; None when none is called nearly so."""
    words = split_name(name)
    score, field = max(
        ((score_name(words, list_field_names(kind, field)), field) for field in fields),
        key=lambda scored: scored[0],
        default=(0.0, ""),
    )
    return field if score >= MIN_NAME_SCORE else None
