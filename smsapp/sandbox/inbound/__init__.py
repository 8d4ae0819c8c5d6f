"""What customers text, and what Twilio itself does about it."""
