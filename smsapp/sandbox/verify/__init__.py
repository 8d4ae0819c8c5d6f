"""Twilio Verify: codes sent and checked."""
