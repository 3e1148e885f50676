"""Generates applications and two years of their events, whose true lift is known.

`world` builds the resources; the other modules draw the events with numpy, from one seed and without a loop over rows.
"""
