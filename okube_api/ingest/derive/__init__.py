"""Derives the rows of facts from events: pure, blocking functions of whole columns, without a store.

Every table has the columns that `catalogue/facts.py` declares and `day`, the ordinal of the local day (1 is
1970-01-01), from which `part` and the other bucket numbers are computed later.  The flags that depend on other days
(`visitor_day`, `new_place`, `new_application`) are added by `recency_flags.py`.  The same events give the same rows
in the same order, however they are split into batches.
"""
