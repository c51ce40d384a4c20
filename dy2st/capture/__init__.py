"""Symbolic tensors and integers, recording of Paddle's operators."""
