"""What all copies of the helpers in one process have in common."""

import paddle


def shared(name, value):
    """The first copy's object of this name: a project may hold several files of helpers."""
    return vars(paddle).setdefault("fluid_compat_" + name, value)


def shared_class(kind):
    """A class that is the same in all files of helpers, for ``isinstance``."""
    return vars(paddle).setdefault("fluid_compat_" + kind.__name__, kind)
