"""The part of a shop that talks to customers by text."""
