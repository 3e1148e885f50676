"""The unit of the weights that facts store, and the greatest of them."""

WEIGHT_UNIT = 1000
"""A weight of 1: weights are integers in thousandths, so that their sums are exact.  A user without one weighs this."""

MAX_WEIGHT = 10**6 * WEIGHT_UNIT
