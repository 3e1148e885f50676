"""Expressions of KPIs; the module of the same name in `engine/evaluators` evaluates each."""
