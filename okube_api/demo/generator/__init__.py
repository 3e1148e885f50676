"""Generates applications and a year of their events, whose true lift is known.

`world` builds the resources; `panel`, `stays`, `sensors` and `marketing` draw the events with numpy, from one seed and
without a loop over rows.
"""
