"""Formats of shops: opening hours, size of baskets and growth."""

from dataclasses import dataclass

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_Intervals = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShopFormat:
    """A format of shops.

    openings: local opening hours of each weekday, from Monday; whole and half hours.
    saturday: number of visits on a Saturday, relative to a Tuesday.
    growth: by how much the number of events grows in a year.
    basket: median amount of a purchase, in EUR.
    open_on_holidays: also on the days on which all other shops are closed.
    """

    name: str
    openings: tuple[_Intervals, ...]
    saturday: float
    growth: float
    basket: float
    open_on_holidays: bool = False


HYPERMARKET = ShopFormat(
    "hypermarket",
    openings=((("08:30", "21:00"),),) * 6 + ((("09:00", "12:30"),),),
    saturday=1.7,
    growth=0.01,
    basket=54.0,
)
SUPERMARKET = ShopFormat(
    "supermarket", openings=((("08:30", "20:00"),),) * 6 + ((),), saturday=1.5, growth=0.03, basket=34.0
)
CITY = ShopFormat(
    "city",
    openings=((("14:00", "19:00"),), *((("10:00", "13:00"), ("14:00", "19:00")),) * 4, (("10:00", "19:30"),), ()),
    saturday=2.3,
    growth=0.06,
    basket=26.0,
)
WEB = ShopFormat(
    "web", openings=((("00:00", "24:00"),),) * 7, saturday=1.0, growth=0.12, basket=43.0, open_on_holidays=True
)
STREET = ShopFormat("street", openings=WEB.openings, saturday=1.3, growth=0.02, basket=0.0, open_on_holidays=True)
"""When people are out anywhere, whether shops are open or not."""

FORMATS = (HYPERMARKET, SUPERMARKET, CITY, WEB, STREET)
