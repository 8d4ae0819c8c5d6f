"""The mail server on the desk: it takes mails from the app, keeps them, and shows them."""
