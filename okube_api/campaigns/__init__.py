"""Campaigns, their costs and their levers."""
