"""The page that looks like a phone."""
