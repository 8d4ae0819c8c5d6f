"""What is posted to the app: status callbacks and what customers text."""
