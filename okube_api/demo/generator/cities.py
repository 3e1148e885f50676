"""Forty French cities."""

from typing import NamedTuple


class City(NamedTuple):
    """A city and its centre.

    code: of the commune, 5 characters.
    weight: inhabitants in thousands, roughly.
    """

    name: str
    code: str
    lng: float
    lat: float
    weight: int


CITIES = (
    City("Paris", "75056", 2.3522, 48.8566, 2100),
    City("Marseille", "13055", 5.3698, 43.2965, 870),
    City("Lyon", "69123", 4.8357, 45.7640, 520),
    City("Toulouse", "31555", 1.4442, 43.6047, 500),
    City("Nice", "06088", 7.2620, 43.7102, 345),
    City("Nantes", "44109", -1.5536, 47.2184, 320),
    City("Montpellier", "34172", 3.8767, 43.6108, 300),
    City("Strasbourg", "67482", 7.7521, 48.5734, 290),
    City("Bordeaux", "33063", -0.5792, 44.8378, 260),
    City("Lille", "59350", 3.0573, 50.6292, 236),
    City("Rennes", "35238", -1.6778, 48.1173, 222),
    City("Toulon", "83137", 5.9280, 43.1242, 180),
    City("Reims", "51454", 4.0317, 49.2583, 180),
    City("Saint-Étienne", "42218", 4.3872, 45.4397, 174),
    City("Le Havre", "76351", 0.1079, 49.4944, 166),
    City("Dijon", "21231", 5.0415, 47.3220, 159),
    City("Grenoble", "38185", 5.7245, 45.1885, 157),
    City("Angers", "49007", -0.5632, 47.4784, 157),
    City("Nîmes", "30189", 4.3601, 43.8367, 148),
    City("Clermont-Ferrand", "63113", 3.0870, 45.7772, 147),
    City("Aix-en-Provence", "13001", 5.4474, 43.5297, 147),
    City("Le Mans", "72181", 0.1996, 48.0061, 145),
    City("Brest", "29019", -4.4861, 48.3904, 140),
    City("Tours", "37261", 0.6848, 47.3941, 138),
    City("Amiens", "80021", 2.2958, 49.8941, 134),
    City("Annecy", "74010", 6.1294, 45.8992, 131),
    City("Limoges", "87085", 1.2611, 45.8336, 130),
    City("Metz", "57463", 6.1757, 49.1193, 120),
    City("Perpignan", "66136", 2.8948, 42.6887, 119),
    City("Besançon", "25056", 6.0241, 47.2378, 118),
    City("Orléans", "45234", 1.9093, 47.9029, 116),
    City("Rouen", "76540", 1.0999, 49.4432, 114),
    City("Mulhouse", "68224", 7.3359, 47.7508, 108),
    City("Caen", "14118", -0.3707, 49.1829, 107),
    City("Nancy", "54395", 6.1844, 48.6921, 105),
    City("Avignon", "84007", 4.8055, 43.9493, 91),
    City("Poitiers", "86194", 0.3404, 46.5802, 90),
    City("La Rochelle", "17300", -1.1511, 46.1603, 77),
    City("Pau", "64445", -0.3708, 43.2951, 77),
    City("Bayonne", "64102", -1.4748, 43.4929, 52),
)
