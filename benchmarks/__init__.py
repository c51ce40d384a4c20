"""The measurements behind every number in README and docs; ``python -m benchmarks --help``."""
