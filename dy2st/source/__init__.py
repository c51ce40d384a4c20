"""Python source to tree and back: parse, quoting templates, fresh names, positions, data flow."""
