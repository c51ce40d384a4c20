"""Dynamic graphs turned to static ones, and what went with backward(): helpers."""


class BackwardStrategy:
    """What 1.8's backward() took; sums of gradients need no order any more."""

    sort_sum_gradient = False


class ProgramTranslator:
    """Turns functions with Python control flow to static ones; all instances are one."""

    @classmethod
    def get_instance(cls):
        """An instance."""
        return cls()

    def enable(self, enable_declarative):
        """Whether converted functions run converted."""
        paddle.jit.enable_to_static(enable_declarative)

    def get_func(self, dygraph_func):
        """The converted function."""
        return paddle.jit.to_static(dygraph_func, full_graph=True)

    def get_output(self, dygraph_func, *args, **kwargs):
        """What the converted function gives."""
        return paddle.jit.to_static(dygraph_func, full_graph=True)(*args, **kwargs)

    def get_code(self, dygraph_func):
        """The converted function's text."""
        return paddle.jit.to_static(dygraph_func, full_graph=True).code
