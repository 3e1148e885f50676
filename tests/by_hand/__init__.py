"""The KPIs by hand: plain Python over a list of what happened, straight from their definitions.

Nothing here imports the product.  Numbers are fractions to the last step; see README.md beside this file for how a
definition was read where it leaves a choice.
"""
