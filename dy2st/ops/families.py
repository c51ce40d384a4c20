"""The list of modules that declare operations; importing one registers its classes."""

from __future__ import annotations

import importlib
import pkgutil

# Modules of this package that are machinery, not families of operations.
_MACHINERY = {"base", "signature", "families", "rules", "cases", "coverage", "windows"}
_loaded = False


def load() -> None:
    """Import every family once."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    import dy2st.ops as package

    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _MACHINERY:
            importlib.import_module(f"dy2st.ops.{module.name}")
