"""Write spreadsheets as a French retailer exports them, and print what figures they must lead to, as JSON.

Usage: french_files.py FOLDER FIRST_DAY
"""

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import xlsxwriter

WEEKS = 4
SHOPS = (
    (
        "M01",
        "Atelier Vasseur Lyon Bellecour",
        "12 rue de la République",
        "69002",
        "Lyon",
        "Rhône-Alpes",
        45.7578,
        4.832,
    ),
    ("M02", "Atelier Vasseur Évry", "3 place de l'Agora", "91000", "Évry", "Île-de-France", 48.629, 2.429),
    ("M03", "Atelier Vasseur Béziers", "8 allées Paul-Riquet", "34500", "Béziers", "Occitanie", 43.344, 3.2158),
)


def write_workbook(path: Path, sheet_name: str, header: list[str], rows: list[list[object]]) -> None:
    """Write one sheet with a header; dates are cells of dates as the French Excel shows them."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet(sheet_name)
    day_format = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, header)
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(number, column, datetime.combine(value, time()), day_format)
            else:
                sheet.write(number, column, value)
    book.close()


def write_csv(path: Path, lines: list[str]) -> None:
    """Write a CSV file as the French Excel does: in windows-1252, with semicolons and CR LF."""
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("windows-1252"))


def write_files(folder: Path, first_day: date) -> dict[str, object]:
    """Write the files of four weeks from a Monday on, and return what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ["Code magasin", "Nom", "Adresse", "Code postal", "Ville", "Région", "Latitude", "Longitude"]
    write_workbook(folder / "magasins.xlsx", "Magasins", header, [list(shop) for shop in SHOPS])

    visits = ["N° client;Code magasin;Date;Heure"]
    purchases = ["N° client;Code magasin;Date;Heure;N° ticket;Montant TTC"]
    weekly = [0] * WEEKS
    cents = 0
    for index in range(7 * WEEKS):
        day = first_day + timedelta(days=index)
        for visitor in range(4 + index % 3):
            shop = SHOPS[(index + visitor) % len(SHOPS)][0]
            start = f"C{(7 * index + visitor) % 50:04d};{shop};{day:%d/%m/%Y};{10 + visitor}:{(7 * index) % 60:02d}"
            visits.append(start)
            weekly[index // 7] += 1
            if visitor % 2 == 0:
                amount = 1250 + 35 * index + visitor
                cents += amount
                purchases.append(f"{start};T{len(purchases):05d};{amount // 100},{amount % 100:02d}")
    visits.append(f"C0001;M09;{first_day:%d/%m/%Y};11:02")  # a shop that does not exist
    visits.append(f"Hélène Été;M02;{first_day:%d/%m/%Y};19:30")
    weekly[0] += 1
    write_csv(folder / "visites.csv", visits)
    write_csv(folder / "achats.csv", purchases)

    last_day = first_day + timedelta(days=7 * WEEKS - 1)
    campaigns: list[list[object]] = [
        ["PRINT-1", "Catalogue d'été", "Mediapost", "Prospectus", first_day, first_day + timedelta(days=13), 850.5],
        ["SOC-1", "Réseaux sociaux", "Meta", "Social", first_day + timedelta(days=7), last_day, 420],
    ]
    header = ["Code campagne", "Nom de la campagne", "Régie", "Canal", "Début", "Fin", "Coût HT"]
    write_workbook(folder / "campagnes.xlsx", "Coûts", header, campaigns)
    return {
        "shops": len(SHOPS),
        "visits": sum(weekly),
        "weekly": weekly,
        "purchases": len(purchases) - 1,
        "sales": cents / 100,
        "campaigns": len(campaigns),
        "cost": 850.5 + 420,
        "from": str(first_day),
        "to": str(last_day),
    }


if __name__ == "__main__":
    print(json.dumps(write_files(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))))
