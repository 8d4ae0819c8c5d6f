"""Telling callers what became of their events."""
