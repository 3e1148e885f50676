"""Generates applications and two years of their events, whose true lift is known.

`world` builds the resources; the other modules draw the events with numpy, without a loop over rows.  Blocks of four
weeks and campaigns have random numbers of their own, so that later days can be added to earlier ones.
"""
