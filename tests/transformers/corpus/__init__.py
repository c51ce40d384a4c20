"""Small functions over Python values; converted code must do what they do (see test_corpus.py)."""
