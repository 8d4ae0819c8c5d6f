"""WhatsApp: templates, windows, what customers send, and who is typing."""
