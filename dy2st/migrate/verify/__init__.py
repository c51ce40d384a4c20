"""``paddle-migrate verify``: both versions run, every value compared."""
