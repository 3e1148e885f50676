"""Small random tenants with a known truth, also on days on which date arithmetic often fails, and their events."""
