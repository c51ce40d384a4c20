"""What concerns a whole script: executors and their fetch lists."""

from __future__ import annotations

from typing import ClassVar

from dy2st.migrate.forms import to_helper
from dy2st.migrate.model import FileContext, Use
from dy2st.migrate.rules import UseRule


class MakeExecutor(UseRule):
    """An Executor for test clones or fetching by name is the helper's; others are Paddle's."""

    id = "PM220"
    name = "executor"
    changes: ClassVar = (("fluid.Executor(place)", "paddle.static.Executor(place)"),)

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper where anything in the run needs it."""
        if not context.facts.executor_helper:
            return None
        return to_helper(use, context, "Executor")
