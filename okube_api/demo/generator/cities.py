"""Forty French cities."""

from typing import NamedTuple


class City(NamedTuple):
    """A city and its centre.

    code: of the commune, 5 characters.
    weight: inhabitants in thousands, roughly.
    """

    name: str
    code: str
    postal_code: str
    region: str
    lng: float
    lat: float
    weight: int


CITIES = (
    City("Paris", "75056", "75004", "Île-de-France", 2.3522, 48.8566, 2100),
    City("Marseille", "13055", "13001", "Provence-Alpes-Côte d'Azur", 5.3698, 43.2965, 870),
    City("Lyon", "69123", "69002", "Auvergne-Rhône-Alpes", 4.8357, 45.7640, 520),
    City("Toulouse", "31555", "31000", "Occitanie", 1.4442, 43.6047, 500),
    City("Nice", "06088", "06000", "Provence-Alpes-Côte d'Azur", 7.2620, 43.7102, 345),
    City("Nantes", "44109", "44000", "Pays de la Loire", -1.5536, 47.2184, 320),
    City("Montpellier", "34172", "34000", "Occitanie", 3.8767, 43.6108, 300),
    City("Strasbourg", "67482", "67000", "Grand Est", 7.7521, 48.5734, 290),
    City("Bordeaux", "33063", "33000", "Nouvelle-Aquitaine", -0.5792, 44.8378, 260),
    City("Lille", "59350", "59000", "Hauts-de-France", 3.0573, 50.6292, 236),
    City("Rennes", "35238", "35000", "Bretagne", -1.6778, 48.1173, 222),
    City("Toulon", "83137", "83000", "Provence-Alpes-Côte d'Azur", 5.9280, 43.1242, 180),
    City("Reims", "51454", "51100", "Grand Est", 4.0317, 49.2583, 180),
    City("Saint-Étienne", "42218", "42000", "Auvergne-Rhône-Alpes", 4.3872, 45.4397, 174),
    City("Le Havre", "76351", "76600", "Normandie", 0.1079, 49.4944, 166),
    City("Dijon", "21231", "21000", "Bourgogne-Franche-Comté", 5.0415, 47.3220, 159),
    City("Grenoble", "38185", "38000", "Auvergne-Rhône-Alpes", 5.7245, 45.1885, 157),
    City("Angers", "49007", "49000", "Pays de la Loire", -0.5632, 47.4784, 157),
    City("Nîmes", "30189", "30000", "Occitanie", 4.3601, 43.8367, 148),
    City("Clermont-Ferrand", "63113", "63000", "Auvergne-Rhône-Alpes", 3.0870, 45.7772, 147),
    City("Aix-en-Provence", "13001", "13100", "Provence-Alpes-Côte d'Azur", 5.4474, 43.5297, 147),
    City("Le Mans", "72181", "72000", "Pays de la Loire", 0.1996, 48.0061, 145),
    City("Brest", "29019", "29200", "Bretagne", -4.4861, 48.3904, 140),
    City("Tours", "37261", "37000", "Centre-Val de Loire", 0.6848, 47.3941, 138),
    City("Amiens", "80021", "80000", "Hauts-de-France", 2.2958, 49.8941, 134),
    City("Annecy", "74010", "74000", "Auvergne-Rhône-Alpes", 6.1294, 45.8992, 131),
    City("Limoges", "87085", "87000", "Nouvelle-Aquitaine", 1.2611, 45.8336, 130),
    City("Metz", "57463", "57000", "Grand Est", 6.1757, 49.1193, 120),
    City("Perpignan", "66136", "66000", "Occitanie", 2.8948, 42.6887, 119),
    City("Besançon", "25056", "25000", "Bourgogne-Franche-Comté", 6.0241, 47.2378, 118),
    City("Orléans", "45234", "45000", "Centre-Val de Loire", 1.9093, 47.9029, 116),
    City("Rouen", "76540", "76000", "Normandie", 1.0999, 49.4432, 114),
    City("Mulhouse", "68224", "68100", "Grand Est", 7.3359, 47.7508, 108),
    City("Caen", "14118", "14000", "Normandie", -0.3707, 49.1829, 107),
    City("Nancy", "54395", "54000", "Grand Est", 6.1844, 48.6921, 105),
    City("Avignon", "84007", "84000", "Provence-Alpes-Côte d'Azur", 4.8055, 43.9493, 91),
    City("Poitiers", "86194", "86000", "Nouvelle-Aquitaine", 0.3404, 46.5802, 90),
    City("La Rochelle", "17300", "17000", "Nouvelle-Aquitaine", -1.1511, 46.1603, 77),
    City("Pau", "64445", "64000", "Nouvelle-Aquitaine", -0.3708, 43.2951, 77),
    City("Bayonne", "64102", "64100", "Nouvelle-Aquitaine", -1.4748, 43.4929, 52),
)
