"""What stands for the names that stay to be rewritten by hand."""


class NotMigrated:
    """A name of Paddle 1.8 that paddle-migrate listed as an open point.

    It can be imported and handed on, so that the rest of a file runs; whatever else is done with
    it raises NotImplementedError with the name.
    """

    def __init__(self, name):
        vars(self)["_name"] = name

    def __getattr__(self, name):
        if name in ("__name__", "__qualname__"):
            return self._name.rpartition(".")[2]
        if name.startswith("__"):
            raise AttributeError(name)
        return NotMigrated(f"{self._name}.{name}")

    def __repr__(self):
        return f"<{self._name}, not migrated>"

    def _refuse(self, *args, **kwargs):
        raise NotImplementedError(
            f"{self._name} is not in Paddle 3 and was not rewritten: paddle-migrate lists this use "
            "as an open point and says what to do"
        )

    __call__ = __bool__ = __iter__ = __len__ = __getitem__ = __contains__ = _refuse
    __eq__ = __ne__ = __hash__ = __setattr__ = __enter__ = __exit__ = _refuse
    __instancecheck__ = __subclasscheck__ = __mro_entries__ = _refuse
