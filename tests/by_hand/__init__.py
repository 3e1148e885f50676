"""The KPIs by hand: plain Python over a list of what happened, straight from their definitions.

Nothing here imports the product.  Numbers are fractions to the last step; README.md in this folder says how a
definition is read where it leaves a choice.
"""
