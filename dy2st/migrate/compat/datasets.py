"""Data sets of text files in slots (``train_from_dataset``), read in this process, in order."""

import subprocess

import numpy as np


class QueueDataset:
    """Lines ``count value ... count value ...``, one group for each variable, in batches."""

    def __init__(self):
        self.files, self.variables = [], []
        self.size, self.command = 1, "cat"
        self.samples = None
        self.refused = ""

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

    def set_download_cmd(self, download_cmd):
        """Taken and not used: files are local."""

    def set_rank_offset(self, rank_offset):
        """Only for data in slots that carry ranks."""
        self.refused = "set_rank_offset"

    def desc(self):
        """What the data set is, as text."""
        names = ", ".join(variable_name(v) for v in self.variables)
        return f"batch_size: {self.size}\npipe_command: {self.command!r}\nslots: {names}\n"

    def local_shuffle(self):
        """Only for data in memory."""
        raise NotImplementedError("QueueDataset does not support local shuffle")

    def global_shuffle(self, fleet=None):
        """Only for data in memory."""
        raise NotImplementedError("QueueDataset does not support global shuffle")

    def lines(self):
        """All lines, as lists with one list of texts for each slot."""
        if self.refused:
            raise NotImplementedError(f"lines in the form of {self.refused}")
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

    def set_fleet_send_batch_size(self, fleet_send_batch_size=1024):
        """Taken and not used."""

    def set_fleet_send_sleep_seconds(self, fleet_send_sleep_seconds=0):
        """Taken and not used."""

    def set_parse_ins_id(self, parse_ins_id):
        """Lines that start with an id."""
        self.refused = "set_parse_ins_id" if parse_ins_id else ""

    def set_parse_content(self, parse_content):
        """Lines that carry a content."""
        self.refused = "set_parse_content" if parse_content else ""

    def set_parse_logkey(self, parse_logkey):
        """Lines that start with a log key."""
        self.refused = "set_parse_logkey" if parse_logkey else ""

    def set_merge_by_lineid(self, merge_size=2):
        """Lines of one id make one sample."""
        self.refused = "set_merge_by_lineid"

    def set_merge_by_sid(self, merge_by_sid):
        """Lines of one search make one sample."""
        self.refused = "set_merge_by_sid" if merge_by_sid else ""

    def set_enable_pv_merge(self, enable_pv_merge):
        """Lines of one page view make one sample."""
        self.refused = "set_enable_pv_merge" if enable_pv_merge else ""

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


class BoxPSDataset(InMemoryDataset):
    """The same lines; the passes over a table outside of the program are not kept apart."""

    def set_date(self, date):
        """Taken and not used."""

    def begin_pass(self):
        """Nothing is to be prepared."""

    def end_pass(self, need_save_delta):
        """Nothing is to be saved."""


class DatasetLoader:
    """The batches of a data set, one list with one feed for each; whole batches only, if asked."""

    def __init__(self, dataset, drop_last):
        self.dataset, self.drop_last = dataset, drop_last

    def __call__(self):
        return self

    def __iter__(self):
        batch = []
        samples = self.dataset.samples
        for sample in self.dataset.lines() if samples is None else samples:
            batch.append(sample)
            if len(batch) == self.dataset.size:
                yield [self.dataset.feed(batch)]
                batch = []
        if batch and not self.drop_last:
            yield [self.dataset.feed(batch)]


def from_dataset(dataset, places, drop_last=True):
    """A loader of a data set's batches."""
    return DatasetLoader(dataset, drop_last)


class DatasetFactory:
    """Makes a data set from its class's name."""

    def create_dataset(self, datafeed_class="QueueDataset"):
        """A data set of that class."""
        classes = {
            "QueueDataset": QueueDataset,
            "InMemoryDataset": InMemoryDataset,
            "BoxPSDataset": BoxPSDataset,
        }
        return classes[datafeed_class]()
