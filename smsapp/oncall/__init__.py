"""Incidents, who is on call, escalation, acknowledgement."""
