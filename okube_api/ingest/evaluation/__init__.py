"""Evaluation of stays: how well they agree with visits that are known."""
