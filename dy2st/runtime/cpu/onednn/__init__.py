"""oneDNN through its C API: descriptors, primitives and how each operation is set up for speed."""
