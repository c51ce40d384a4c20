"""The functions that generated code calls: Python meaning for Python values, control-flow ops for tensors."""
