"""Studies: named selections of sites and POIs."""
