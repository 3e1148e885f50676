"""One evaluator module per module of `catalogue/expressions`, with the same name."""
