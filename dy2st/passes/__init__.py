"""Program to Program, one pass a file; `pipeline.py` is the readable list in order."""
