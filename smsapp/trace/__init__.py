"""What became of a text, in words; nothing here moves one."""
