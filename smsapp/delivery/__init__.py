"""How a text leaves, and what becomes of it."""
