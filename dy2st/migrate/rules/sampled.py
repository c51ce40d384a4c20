"""Losses whose samples only the caller can draw."""

from __future__ import annotations

from typing import ClassVar

from dy2st.migrate.calls import bind
from dy2st.migrate.forms import to_helper
from dy2st.migrate.model import Decline, FileContext, Use
from dy2st.migrate.rules import UseRule


class SampledSoftmax(UseRule):
    """With samples of its own the sampled softmax is a helper; 1.8's sampler is gone."""

    id = "PM255"
    name = "sampled_softmax"
    changes: ClassVar = (
        (
            "fluid.layers.sampled_softmax_with_cross_entropy(x, y, 5, use_customized_samples=True,"
            " customized_samples=s, customized_probabilities=p)",
            "fluid_compat.sampled_softmax_with_cross_entropy(x, y, 5, use_customized_samples=True,"
            " customized_samples=s, customized_probabilities=p)",
        ),
    )

    def apply(self, use: Use, context: FileContext) -> str | None:
        """The helper where samples are given."""
        given = bind(use.row, use.call) if use.call is not None else None
        if given is None or given.literal("use_customized_samples") is not True:
            raise Decline(
                "Paddle 3 has no sampler of classes|draw the classes with numpy (log-uniform,"
                " without repetition), feed them and their probabilities and give"
                " use_customized_samples=True"
            )
        return to_helper(use, context, use.row.helper)
