"""``fleet`` of 1.x in collective mode: each process trains on its share, gradients are averaged.

The processes are those that ``python -m paddle.distributed.launch`` starts. Programs call Python
for what they exchange, so this needs neither a GPU nor a graph of communication.
"""

import os

import numpy as np
import paddle


class WorkerRole:
    """Which worker this process is, and where all of them are."""

    def __init__(self, current_id=0, worker_endpoints=None):
        self.index = current_id
        self.endpoints = list(worker_endpoints or ["127.0.0.1:6170"])

    def generate_role(self):
        """The role is known from the start."""

    def worker_index(self):
        """This worker's number."""
        return self.index

    def worker_num(self):
        """How many workers there are."""
        return len(self.endpoints)

    def get_trainer_endpoints(self):
        """Where the workers are."""
        return self.endpoints

    def is_first_worker(self):
        """Whether this is worker 0."""
        return self.index == 0

    def is_worker(self):
        """Always: there are no servers."""
        return True

    def is_server(self):
        """Never: there are no servers."""
        return False


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
    """The processes that train together."""

    def __init__(self):
        self.role = WorkerRole()
        self.main_program = self.startup_program = self._origin_program = None

    def init(self, role_maker=None):
        """Take a role, and meet the other workers."""
        self.role = role_maker or WorkerRole()
        if len(self.role.endpoints) > 1:
            join_workers(self.role)

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
        """This worker's share of the files, as even as can be, the first workers' shares first."""
        share, more = divmod(len(files), self.worker_num())
        start = self.role.index * share + min(self.role.index, more)
        return list(files[start : start + share + (self.role.index < more)])

    def barrier_worker(self):
        """Wait for all workers."""
        if self.worker_num() > 1:
            with paddle.base.dygraph.base.guard():
                paddle.distributed.barrier()

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
    """An optimizer whose gradients are the means over all workers."""

    def __init__(self, owner, optimizer):
        self.owner, self.optimizer = owner, optimizer

    def __getattr__(self, name):
        return getattr(self.optimizer, name)

    def minimize(self, loss, startup_program=None, parameter_list=None, no_grad_set=None):
        """Append the backward part and the updates."""
        owner = self.owner
        if owner.worker_num() == 1:
            result = self.optimizer.minimize(loss, startup_program, parameter_list, no_grad_set)
        else:
            pairs = self.optimizer.backward(loss, startup_program, parameter_list, no_grad_set)
            pairs = mean_gradients(in_creation_order(pairs))
            result = self.optimizer.apply_gradients(pairs), pairs
            start_alike(startup_program or paddle.static.default_startup_program())
        owner.main_program = owner._origin_program = paddle.static.default_main_program()
        owner.startup_program = startup_program or paddle.static.default_startup_program()
        return result


def join_workers(role):
    """Meet the other workers; what a launcher wrote into the environment stays."""
    told = {
        "PADDLE_TRAINER_ID": str(role.index),
        "PADDLE_TRAINERS_NUM": str(len(role.endpoints)),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(role.endpoints),
        "PADDLE_CURRENT_ENDPOINT": role.endpoints[role.index],
    }
    if not paddle.is_compiled_with_cuda():
        told["PADDLE_DISTRI_BACKEND"] = "gloo"
    for name, value in told.items():
        os.environ.setdefault(name, value)
    with paddle.base.dygraph.base.guard():
        paddle.distributed.init_parallel_env()


def exchanged(exchange, arrays):
    """The arrays after ``exchange`` of one long tensor of all of them."""
    arrays = [np.array(a) for a in arrays]
    tensor = paddle.to_tensor(np.concatenate([a.ravel().astype("float64") for a in arrays]))
    exchange(tensor)
    parts = np.split(tensor.numpy(), np.cumsum([a.size for a in arrays])[:-1])
    return [part.reshape(a.shape).astype(a.dtype) for part, a in zip(parts, arrays)]


def mean_gradients(pairs):
    """The pairs with the mean of each gradient over all workers."""

    def mean(*arrays):
        count = paddle.distributed.get_world_size()
        return [a / count for a in exchanged(paddle.distributed.all_reduce, arrays)]

    gradients = [gradient for _, gradient in pairs]
    means = call_python(mean, gradients, gradients)
    return [(parameter, gradient) for (parameter, _), gradient in zip(pairs, means)]


def start_alike(startup):
    """Let all workers start with the values that worker 0 drew."""
    sets = [op for op in startup.global_block().ops if op.name() == "builtin.set_parameter"]
    values = [op.operand_source(0) for op in sets]
    with paddle.static.program_guard(startup, startup):
        first = lambda *arrays: exchanged(lambda t: paddle.distributed.broadcast(t, 0), arrays)
        for op, value in zip(sets, call_python(first, values, values)):
            value.persistable = True
            op.operand(0).set_source(value)
            startup.global_block().move_op_to_block_end(op)


collective_fleet = shared("collective_fleet", CollectiveFleet())
