"""What comes back: texts that people send us."""
