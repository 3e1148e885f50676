"""From events to the rows of facts: stays of devices, outcomes with their paths.  Pure, blocking, by whole columns.

Every table has the columns that `catalogue/facts.py` declares, but the marks that depend on other days
(`visitor_day`, `new_place`, `new_application`), and `day`, the ordinal of the local day of record (1 = 1970-01-01);
`part` and the other bucket numbers follow from it.  The same events give the same rows in the same order, however
they came.
"""
