"""Watching over the texts: counts, metrics of the database, and alarms that need nobody to look."""
