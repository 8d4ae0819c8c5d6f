"""Why we text: what internal services tell us happened."""
