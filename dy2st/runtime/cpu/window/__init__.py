"""Kernels over sliding windows: depthwise convolutions and maximum pools, channels-last.

They do what oneDNN's do not: any function of the input elements on the way in, any of the results
on the way out, and eager's treatment of NaN in both.
"""
