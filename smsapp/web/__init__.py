"""The doors: who may come in, and what they are answered."""
