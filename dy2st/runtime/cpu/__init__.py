"""The CPU runtime: oneDNN primitives and LLVM kernels behind one native entry a plan."""
