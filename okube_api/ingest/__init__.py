"""From uploaded files of events to facts and rollups."""
