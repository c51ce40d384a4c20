"""Executions of a Program: plan, memory, reference, CPU, CUDA, and Paddle's own kernels as fallback."""
