"""Small tenants with a known truth: seeded, with the days that go wrong, and the events that say what happened."""
