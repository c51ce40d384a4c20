"""Programs wrapped for several devices: on one device the program itself."""

import paddle


class CompiledProgram:
    """A program that ``Executor.run`` takes as it takes the program itself."""

    def __init__(self, program_or_graph, build_strategy=None):
        self.program = program_or_graph

    def with_data_parallel(self, *args, **kwargs):
        """The program, on one device."""
        return self

    def with_inference_optimize(self, *args, **kwargs):
        """The program."""
        return self

    def __getattr__(self, name):
        return getattr(self.__dict__["program"], name)


class BuildStrategy:
    """Wishes for the old executor, which are kept and have no effect."""

    class ReduceStrategy:
        """How gradients were exchanged."""

        AllReduce, Reduce = 0, 1

    class GradientScaleStrategy:
        """How gradients were scaled."""

        CoeffNumDevice, One, Customized = 0, 1, 2


class ExecutionStrategy:
    """Wishes for the old executor, which are kept and have no effect."""

    class ExecutorType:
        """Which executor ran."""

        Default, Experimental = 0, 1

    num_threads = 1
    num_iteration_per_drop_scope = 100


class ParallelExecutor:
    """Runs a program on one device."""

    def __init__(
        self,
        use_cuda,
        loss_name=None,
        main_program=None,
        share_vars_from=None,
        exec_strategy=None,
        build_strategy=None,
        num_trainers=1,
        trainer_id=0,
        scope=None,
    ):
        place = paddle.CUDAPlace(0) if use_cuda else paddle.CPUPlace()
        self._executor = Executor(place)
        self._program = main_program or paddle.static.default_main_program()
        self._scope = scope

    @property
    def device_count(self):
        """How many devices there are: one."""
        return 1

    def run(self, fetch_list, feed=None, feed_dict=None, return_numpy=True):
        """Run the program and return what is fetched."""
        feed = feed if feed is not None else feed_dict
        return self._executor.run(
            self._program, feed, fetch_list, scope=self._scope, return_numpy=return_numpy
        )

    def drop_local_exe_scopes(self):
        """Nothing: there are none."""
