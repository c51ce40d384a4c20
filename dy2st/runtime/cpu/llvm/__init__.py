"""Code generation: loop kernels to LLVM IR, compiled once, kept on disk, loaded into the process."""
