"""Schedules that a static program multiplied or added to: there 1.8's were values of the program."""


def changed_rate(schedule, other, change):
    """``change(rate, other)``: a schedule again, or a value where ``other`` is one."""
    if hasattr(other, "get_defining_op"):
        return change(rate_value(schedule), other)
    return ChangedRate(schedule, other, change)


@shared_class
class ChangedRate(StepwiseDecay):
    """A schedule changed by a number or by another schedule."""

    def __init__(self, schedule, other, change):
        self.schedule, self.other, self.change = schedule, other, change
        super().__init__(schedule.step_num, schedule.step_size)

    def rule(self, n):
        """The changed rate of step ``n``."""
        return self.change(self.schedule.rule(n), rate_at(self.other, n))
