"""Base of all resources, without any domain: models, repositories, bulk upserts, list queries."""
