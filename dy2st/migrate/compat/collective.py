"""``fleet`` of 1.x in collective mode: one process trains as without it; more are refused."""

import os

import paddle


class WorkerRole:
    """Which worker this process is, and where all of them are."""

    def __init__(self, current_id=0, worker_endpoints=None):
        self.index = current_id
        self.endpoints = list(worker_endpoints or ["127.0.0.1:6170"])


def cloud_role(is_collective=False):
    """The role that the launcher wrote into the environment."""
    if not is_collective:
        raise NotImplementedError("Paddle 3 has no parameter servers in static programs")
    endpoints = os.environ.get("PADDLE_TRAINER_ENDPOINTS", "127.0.0.1:6170").split(",")
    return WorkerRole(int(os.environ.get("PADDLE_TRAINER_ID", "0")), endpoints)


class FleetStrategy:
    """The settings of collective training; they tune several processes and are not used by one."""

    def __init__(self):
        self.mode, self.collective_mode = "nccl2", None
        self.use_local_sgd = self.use_dist_fc = self.forward_recompute = self.use_amp = False
        self.nccl_comm_num, self.amp_loss_scaling = 1, 2**15
        self.recompute_checkpoints = []
        self.exec_strategy = FleetSettings()


class FleetSettings:
    """Any settings."""


class CollectiveFleet:
    """The fleet of one process."""

    def __init__(self):
        self.role = WorkerRole()
        self.main_program = self.startup_program = self._origin_program = None

    def init(self, role_maker=None):
        """Take a role; raises where there are several workers."""
        self.role = role_maker or WorkerRole()
        if len(self.role.endpoints) > 1:
            raise NotImplementedError(
                "static programs on several processes: use paddle.DataParallel in dynamic graphs "
                "and start with python -m paddle.distributed.launch"
            )

    def is_first_worker(self):
        """Whether this is worker 0."""
        return self.role.index == 0

    def worker_index(self):
        """This worker's number."""
        return self.role.index

    def worker_num(self):
        """How many workers there are."""
        return len(self.role.endpoints)

    def worker_endpoints(self, to_string=False):
        """Where the workers are."""
        return ",".join(self.role.endpoints) if to_string else self.role.endpoints

    def is_worker(self):
        """Always: there are no servers."""
        return True

    def is_server(self):
        """Never: there are no servers."""
        return False

    def split_files(self, files):
        """This worker's share of the files."""
        return list(files)

    def barrier_worker(self):
        """Wait for nobody."""

    def init_worker(self):
        """Nothing is to be prepared."""

    stop_worker = init_worker

    def distributed_optimizer(self, optimizer, strategy=None):
        """The optimizer, whose ``minimize`` notes the programs."""
        return FleetOptimizer(self, optimizer)

    def save_persistables(self, executor, dirname, main_program=None, filename=None):
        """Write all that outlives a run."""
        save_persistables(executor, dirname, main_program or self._origin_program, filename)

    def save_inference_model(
        self, executor, dirname, feeded_var_names=None, target_vars=None, main_program=None,
        export_for_deployment=True,
    ):  # fmt: skip
        """Write the part of the program that leads to ``target_vars``."""
        program = main_program or self._origin_program
        save_inference_model(dirname, feeded_var_names, target_vars, executor, program)


class FleetOptimizer:
    """An optimizer of one process."""

    def __init__(self, owner, optimizer):
        self.owner, self.optimizer = owner, optimizer

    def __getattr__(self, name):
        return getattr(self.optimizer, name)

    def minimize(self, loss, startup_program=None, parameter_list=None, no_grad_set=None):
        """Append the backward part and the updates."""
        result = self.optimizer.minimize(loss, startup_program, parameter_list, no_grad_set)
        owner = self.owner
        owner.main_program = owner._origin_program = paddle.static.default_main_program()
        owner.startup_program = startup_program or paddle.static.default_startup_program()
        return result


collective_fleet = shared("collective_fleet", CollectiveFleet())
