"""From valid rows to raw tables: resolve references, replace user names by numbers, deduplicate."""
