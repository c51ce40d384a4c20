"""The numpy interpreter: the definition of meaning."""
