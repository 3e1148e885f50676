"""Clients generated from the OpenAPI document, by the generators that people use."""
