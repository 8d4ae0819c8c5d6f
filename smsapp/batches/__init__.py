"""Many events at once: handed in, looked at, started, paused, and explained row by row."""
