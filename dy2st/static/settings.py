"""Process-wide switches of ``to_static``."""

from __future__ import annotations

# Whether converted functions run their Programs; ``enable_to_static`` sets it.
enabled = True
