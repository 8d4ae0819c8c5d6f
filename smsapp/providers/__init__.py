"""The wire: one file per company that carries our messages; none of them knows the database."""
