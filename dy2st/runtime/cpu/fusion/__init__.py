"""From a kernel graph to loop kernels: which nodes share one, and what its loops are."""
