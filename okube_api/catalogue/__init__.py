"""Declares modules, facts, dimensions and KPIs as data."""
