"""One migration rule a file: what a row of the table cannot say."""
