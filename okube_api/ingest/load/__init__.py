"""From files to raw tables: normalises events, resolves references, replaces names of people by numbers."""
