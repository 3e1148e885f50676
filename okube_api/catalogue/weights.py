"""The unit of the weights that facts store."""

WEIGHT_UNIT = 1000
"""A weight of 1: weights are integers in thousandths, so that their sums are exact.  A user without one weighs this."""
