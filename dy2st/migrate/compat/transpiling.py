"""``DistributeTranspiler`` for one trainer, whose program is the untouched one."""

import paddle


class DistributeTranspilerConfig:
    """The settings of a DistributeTranspiler; one trainer uses none of them."""

    def __init__(self):
        self.mode, self.slice_var_up, self.split_method = "pserver", True, None
        self.min_block_size, self.sync_mode, self.wait_port = 8192, True, True
        self.nccl_comm_num, self.collective_mode, self.print_log = 1, None, False


class DistributeTranspiler:
    """What one trainer runs; several trainers and parameter servers are refused."""

    def __init__(self, config=None):
        self.config = config or DistributeTranspilerConfig()
        self.program = self.startup_program = None

    def transpile(
        self,
        trainer_id,
        program=None,
        pservers="127.0.0.1:6174",
        trainers=1,
        sync_mode=True,
        startup_program=None,
        current_endpoint="127.0.0.1:6174",
    ):
        """Note the programs; raises NotImplementedError for more than one trainer."""
        count = len(trainers.split(",")) if isinstance(trainers, str) else int(trainers)
        if count > 1:
            raise NotImplementedError(
                "several trainers: fleet of incubate.fleet.collective averages their gradients "
                "(fleet.init, fleet.distributed_optimizer), started by paddle.distributed.launch"
            )
        self.program = program or paddle.static.default_main_program()
        self.startup_program = startup_program or paddle.static.default_startup_program()

    def get_trainer_program(self, wait_port=True):
        """The program itself: one trainer computes what it says."""
        return self.program

    def get_startup_program(self, endpoint=None, pserver_program=None, startup_program=None):
        """The program that starts the parameters."""
        return startup_program or self.startup_program

    def get_pserver_program(self, endpoint):
        """Never: there are no parameter servers."""
        raise NotImplementedError("Paddle 3 has no parameter servers in static programs")

    get_pserver_programs = get_pserver_program
