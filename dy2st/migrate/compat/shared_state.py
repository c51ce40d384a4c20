"""What the helper modules of one program have in common: each top-level folder has its own."""

import paddle


def shared(name, empty):
    """The one list or dict of this name in the process, ``empty`` where none has asked before."""
    return vars(paddle).setdefault("_fluid_compat_state", {}).setdefault(name, empty)


def is_lod_tensor(value):
    """Whether a value is a LoDTensor, of this helper module or of another folder's."""
    return type(value).__name__.endswith("LoDTensor") and hasattr(
        value, "recursive_sequence_lengths"
    )
