"""One Python feature a file; `pipeline.py` is the readable list in order."""
