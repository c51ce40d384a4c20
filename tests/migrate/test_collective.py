"""Two processes of ``fleet`` compute what one process computes with the whole batch.

1.8.5 for CPUs cannot run this, so the oracle is the same migrated program in one process.
"""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from dy2st.migrate import engine
from dy2st.migrate.model import Options

pytestmark = pytest.mark.slow

PROGRAM = b"""
import json, os, sys
import numpy as np
import paddle.fluid as fluid
from paddle.fluid.incubate.fleet.collective import fleet, DistributedStrategy
from paddle.fluid.incubate.fleet.base import role_maker

fleet.init(role_maker.PaddleCloudRoleMaker(is_collective=True))
number, index = fleet.worker_num(), fleet.worker_index()
fluid.default_startup_program().random_seed = int(sys.argv[1]) + index
x = fluid.layers.data("x", [3])
y = fluid.layers.data("y", [1])
guess = fluid.layers.fc(fluid.layers.fc(x, 4, act="tanh"), 1)
loss = fluid.layers.mean(fluid.layers.square_error_cost(guess, y))
optimizer = fluid.optimizer.Momentum(0.1, 0.9)
optimizer = fleet.distributed_optimizer(optimizer, DistributedStrategy())
optimizer.minimize(loss)
exe = fluid.Executor(fluid.CPUPlace())
exe.run(fluid.default_startup_program())
random = np.random.RandomState(0)
inputs = random.rand(8, 3).astype("float32")
labels = inputs.sum(1, keepdims=True)
part = slice(index * 8 // number, (index + 1) * 8 // number)
feed = {"x": inputs[part], "y": labels[part]}
losses = [float(exe.run(fleet.main_program, feed, [loss])[0][0]) for _ in range(5)]
weights = np.array(fluid.global_scope().find_var("fc_0.w_0").get_tensor()).ravel().tolist()
files = fleet.split_files(["a", "b", "c"])
with open(sys.argv[2], "w") as stream:
    json.dump({"losses": losses, "weights": weights, "files": files}, stream)
fleet.barrier_worker()
"""


def free_ports(count):
    """Ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for made in sockets:
        made.bind(("127.0.0.1", 0))
    ports = [made.getsockname()[1] for made in sockets]
    for made in sockets:
        made.close()
    return ports


def train(script, folder, count):
    """What ``count`` processes wrote."""
    endpoints = [f"127.0.0.1:{port}" for port in free_ports(count)]
    running = []
    for index, endpoint in enumerate(endpoints):
        told = {
            "PADDLE_TRAINER_ID": str(index),
            "PADDLE_TRAINERS_NUM": str(count),
            "PADDLE_TRAINER_ENDPOINTS": ",".join(endpoints),
            "PADDLE_CURRENT_ENDPOINT": endpoint,
        }
        command = [sys.executable, str(script), "5", str(folder / f"{count}.{index}.json")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        running.append(subprocess.Popen(command, env={**os.environ, **told}, text=True, **pipes))
    for process in running:
        text, _ = process.communicate(timeout=200)
        assert process.returncode == 0, text[-2000:]
    return [json.loads((folder / f"{count}.{n}.json").read_text()) for n in range(count)]


def test_two_processes_equal_one(tmp_path):
    outcome = engine.migrate(PROGRAM, "train.py", Options(unsafe=True))
    assert not outcome.open_points
    script = tmp_path / "train.py"
    script.write_bytes(outcome.new)
    (alone,) = train(script, tmp_path, 1)
    both = train(script, tmp_path, 2)
    means = np.mean([one["losses"] for one in both], axis=0)
    np.testing.assert_allclose(means, alone["losses"], rtol=1e-5)
    for one in both:
        np.testing.assert_allclose(one["weights"], alone["weights"], rtol=1e-5)
    assert [one["files"] for one in both] == [["a", "b"], ["c"]]
