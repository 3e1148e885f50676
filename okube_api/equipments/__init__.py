"""Equipments: sensors inside a site."""
