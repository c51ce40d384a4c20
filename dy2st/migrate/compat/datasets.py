"""Data sets of text files in slots (``train_from_dataset``), read in this process, in order."""

import subprocess

import numpy as np


class QueueDataset:
    """Lines ``count value ... count value ...``, one group for each variable, in batches."""

    def __init__(self):
        self.files, self.variables = [], []
        self.size, self.command = 1, "cat"
        self.samples = None

    def set_pipe_command(self, pipe_command):
        """The command that each file is piped through."""
        self.command = pipe_command

    def set_batch_size(self, batch_size):
        """How many lines make a batch."""
        self.size = batch_size

    def set_filelist(self, filelist):
        """The files."""
        self.files = list(filelist)

    def set_use_var(self, var_list):
        """The variables that the slots of a line are fed to."""
        self.variables = list(var_list)

    def set_thread(self, thread_num):
        """Taken and not used: all is read in order."""

    def set_hdfs_config(self, fs_name, fs_ugi):
        """Taken and not used: files are local."""

    def local_shuffle(self):
        """Only for data in memory."""
        raise NotImplementedError("QueueDataset does not support local shuffle")

    def global_shuffle(self, fleet=None):
        """Only for data in memory."""
        raise NotImplementedError("QueueDataset does not support global shuffle")

    def lines(self):
        """All lines, as lists with one list of texts for each slot."""
        for path in self.files:
            with open(path, "rb") as stream:
                piped = subprocess.Popen(
                    self.command, shell=True, stdin=stream, stdout=subprocess.PIPE, text=True
                )
            with piped:
                for line in piped.stdout:
                    yield self.slots(line.split())
            if piped.returncode:
                raise RuntimeError(f"{self.command!r} failed on {path}")

    def slots(self, parts):
        """The slots of one line."""
        found, at = [], 0
        for _ in self.variables:
            count = int(parts[at])
            found.append(parts[at + 1 : at + 1 + count])
            at += 1 + count
        return found

    def batches(self):
        """What each run is fed."""
        batch = []
        for sample in self.lines() if self.samples is None else self.samples:
            batch.append(sample)
            if len(batch) == self.size:
                yield self.feed(batch)
                batch = []
        if batch:
            yield self.feed(batch)

    def feed(self, batch):
        """One array or LoDTensor for each variable."""
        found = {}
        for variable, column in zip(self.variables, zip(*batch)):
            name, dtype = variable_name(variable), variable_dtype(variable)
            rows = np.array([value for slot in column for value in slot]).astype(dtype)
            shape = [-1 if n is None or n < 0 else n for n in variable.shape]
            if lod_inputs.get(name):
                lengths = [[len(slot) for slot in column]]
                found[name] = create_lod_tensor(rows.reshape([-1, *shape[1:]]), lengths)
            else:
                found[name] = rows.reshape([len(batch), *shape[1:]])
        return found


class InMemoryDataset(QueueDataset):
    """The same lines, read once and kept; zeros among others in a sequence are left out."""

    def slots(self, parts):
        """The slots of one line."""
        found = super().slots(parts)
        sparse = [lod_inputs.get(variable_name(variable)) for variable in self.variables]
        return [
            [value for value in slot if abs(float(value)) >= 1e-6] or ["0"] if drops else slot
            for slot, drops in zip(found, sparse)
        ]

    def set_queue_num(self, queue_num):
        """Taken and not used."""

    def load_into_memory(self):
        """Read all files."""
        self.samples = list(self.lines())

    def preload_into_memory(self, thread_num=None):
        """Read all files."""
        self.load_into_memory()

    def wait_preload_done(self):
        """All is read already."""

    def local_shuffle(self):
        """Put the lines into another order."""
        np.random.shuffle(self.samples)

    def global_shuffle(self, fleet=None, thread_num=12):
        """Put the lines into another order."""
        self.local_shuffle()

    def release_memory(self):
        """Forget the lines."""
        self.samples = None

    def get_memory_data_size(self, fleet=None):
        """How many lines there are."""
        return len(self.samples)

    def get_shuffle_data_size(self, fleet=None):
        """How many lines there are."""
        return len(self.samples)


class DatasetFactory:
    """Makes a data set from its class's name."""

    def create_dataset(self, datafeed_class="QueueDataset"):
        """A QueueDataset or an InMemoryDataset."""
        return {"QueueDataset": QueueDataset, "InMemoryDataset": InMemoryDataset}[datafeed_class]()
