"""The kinds of events: fields, keys, raw tables."""
