"""Twilio on your desk: its REST protocol, its signed receipts and a phone to look at."""
