"""Phone calls: the REST API, what is posted as they go on, TwiML that is heard, and their page."""
