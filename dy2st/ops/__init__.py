"""The operator registry: one class an operation, one file a family."""
