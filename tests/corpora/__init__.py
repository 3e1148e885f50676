"""Published corpora against the application: JSON that is valid or not, CSV of many dialects, naughty strings."""
