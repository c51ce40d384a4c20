"""What all copies of the helpers in one process have in common: a project may hold several."""

import paddle


def shared(name, value):
    """The first copy's list or dict of this name."""
    return vars(paddle).setdefault("_fluid_compat_state", {}).setdefault(name, value)


def shared_class(kind):
    """A class that is the same in all files of helpers, for ``isinstance``."""
    return vars(paddle).setdefault("fluid_compat_" + kind.__name__, kind)


def is_lod_tensor(value):
    """Whether a value is a LoDTensor, of this helper module or of another folder's."""
    return type(value).__name__.endswith("LoDTensor") and hasattr(
        value, "recursive_sequence_lengths"
    )
