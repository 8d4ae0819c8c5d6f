"""Whom we may text."""
