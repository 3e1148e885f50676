"""Calendars of the engine, and the same of the computation by hand."""

from okube_api.engine.fiscal_calendar import BusinessCalendar, MonthlyCalendar, RetailCalendar
from okube_api.kit.year_end import YearEnd

from tests.by_hand.calendars import Calendar, CalendarMonths, RetailMonths


def build_calendar(calendar: Calendar) -> BusinessCalendar:
    """Return the engine's calendar."""
    rule = calendar.rule
    if rule is None:
        return BusinessCalendar(week_start=calendar.week_start)
    if isinstance(rule, CalendarMonths):
        return BusinessCalendar(MonthlyCalendar(rule.month, rule.day), calendar.week_start)
    first, second, third = rule.weeks
    return BusinessCalendar(
        RetailCalendar((first, second, third), YearEnd(rule.weekday, rule.month, rule.day)), calendar.week_start
    )


def get_plain_rule(fiscal: MonthlyCalendar | RetailCalendar) -> CalendarMonths | RetailMonths:
    """Return the months of a fiscal calendar of the engine for the computation by hand."""
    if isinstance(fiscal, MonthlyCalendar):
        return CalendarMonths(fiscal.start_month, fiscal.start_day)
    return RetailMonths(fiscal.weeks, fiscal.year_end.weekday, fiscal.year_end.month, fiscal.year_end.day)
