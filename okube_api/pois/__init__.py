"""Points of interest (POIs) of an application."""
