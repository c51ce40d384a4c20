"""Classes that all copies of the helpers in one process have in common."""

import paddle


def shared_class(kind):
    """A class that is the same in all files of helpers, for ``isinstance``."""
    return vars(paddle).setdefault("fluid_compat_" + kind.__name__, kind)
