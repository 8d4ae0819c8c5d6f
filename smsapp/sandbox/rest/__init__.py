"""Twilio's REST protocol over HTTP, as the unmodified SDK speaks it."""
