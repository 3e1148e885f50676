"""Two sites in time zones that change their clocks a week apart, and their equipments."""

from tests.by_hand.truth import Equipment, Place

SITES = (Place("s-b", "b", "B", timezone="Europe/Paris"), Place("s-a", "a", "A", timezone="Australia/Lord_Howe"))
EQUIPMENTS = (Equipment("e-2", "2", "s-b"), Equipment("e-1", "1", "s-b"), Equipment("e-3", "3", "s-a"))
