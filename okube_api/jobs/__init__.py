"""Jobs: long questions that are answered in the background, and their results."""
