"""Watching: counts for the overview, metrics of the database, and alarms."""
