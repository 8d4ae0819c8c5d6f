"""`make run`: start the app and the sandbox beside each other, ready to be tried."""
