"""Feeding: data feeders, loaders and py_readers."""

import numpy as np
import paddle

EOFException = shared("EOFException", type("EOFException", (Exception,), {}))


def variable_name(variable):
    """The name under which a variable is fed."""
    return variable if isinstance(variable, str) else variable.name


def variable_dtype(variable):
    """The numpy name of a variable's type."""
    return str(variable.dtype).split(".")[-1].lower()


def stack_samples(samples, variables):
    """One array for each variable from a list of samples, in the variable's type and shape."""
    arrays = {}
    for number, variable in enumerate(variables):
        column = [sample[number] for sample in samples]
        if lod_inputs.get(variable_name(variable)):
            arrays[variable_name(variable)] = stack_sequences(column, variable)
            continue
        array = np.array(column, dtype=variable_dtype(variable))
        shape = list(variable.shape)
        if array.ndim != len(shape):
            array = array.reshape([-1 if n is None or n < 0 else n for n in shape])
        arrays[variable_name(variable)] = array
    return arrays


def stack_sequences(column, variable):
    """A LoDTensor of nested lists: one level of lists for each level of sequences."""
    lengths = []
    for _ in range(lod_inputs[variable_name(variable)]):
        lengths.append([len(member) for member in column])
        column = [part for member in column for part in member]
    shape = [-1 if n is None or n < 0 else n for n in variable.shape]
    rows = np.array(column, dtype=variable_dtype(variable)).reshape(shape)
    return create_lod_tensor(rows, lengths)


class DataFeeder:
    """Turns lists of samples into what ``Executor.run`` is fed."""

    def __init__(self, feed_list, place=None, program=None):
        program = program or (
            None if paddle.in_dynamic_mode() else paddle.static.default_main_program()
        )
        self.feed_vars = [value_by_name(program, v) if isinstance(v, str) else v for v in feed_list]
        self.feed_names = [variable_name(v) for v in feed_list]

    def feed(self, iterable):
        """A dict from names to arrays for one batch."""
        arrays = stack_samples(list(iterable), self.feed_vars)
        return dict(zip(self.feed_names, arrays.values()))

    def feed_parallel(self, iterable, num_places=None):
        """One batch for each device."""
        for batch in iterable:
            yield self.feed(batch)

    def decorate_reader(self, reader, multi_devices=False, num_places=None, drop_last=True):
        """A reader of batches that are ready to be fed."""

        def read():
            for batch in reader():
                yield self.feed(batch)

        return read


class GeneratorLoader:
    """Batches from a Python generator, iterated over or started and reset."""

    def __init__(self, feed_list=None, iterable=True, return_list=False, drop_last=True):
        self._feed_list = list(feed_list or [])
        self._devices, self._drop_last = 1, drop_last
        self._iterable = self.iterable = iterable
        self._return_list = return_list
        self._batches = None
        self._running = None
        if not iterable:
            self._program = paddle.static.default_main_program()
            started_loaders.append(self)

    def set_sample_generator(self, reader, batch_size, drop_last=True, places=None):
        """Take single samples and make batches of them."""
        self._drop_last_size = batch_size if drop_last else 0
        return self.set_sample_list_generator(paddle.batch(reader, batch_size, drop_last), places)

    def set_sample_list_generator(self, reader, places=None):
        """Take lists of samples."""

        def batches():
            for samples in reader():
                if self._feed_list:
                    yield list(stack_samples(samples, self._feed_list).values())
                else:
                    yield [np.array(column) for column in zip(*samples)]

        return self._take(batches, places)

    def set_batch_generator(self, reader, places=None):
        """Take batches as arrays."""

        def batches():
            for batch in reader():
                yield list(batch) if isinstance(batch, (list, tuple)) else [batch]

        return self._take(batches, places)

    def _take(self, batches, places):
        """Give out these batches, one for each of the places at a time."""
        self._batches = batches
        self._devices = max(len(places), 1) if isinstance(places, (list, tuple)) else 1
        return self

    decorate_sample_generator = set_sample_generator
    decorate_sample_list_generator = set_sample_list_generator
    decorate_batch_generator = set_batch_generator
    decorate_paddle_reader = set_sample_list_generator
    decorate_tensor_provider = set_batch_generator

    def __call__(self):
        return self

    def __iter__(self):
        if paddle.in_dynamic_mode():
            for batch in self._batches():
                yield [paddle.to_tensor(part) for part in batch]
            return
        group = []
        for batch in self._batches():
            group.append(batch if self._return_list else self._as_feed(batch))
            if len(group) == self._devices:
                yield group
                group = []
        if group and not self._drop_last:
            yield group

    def _as_feed(self, batch):
        return {
            variable_name(v): part if is_lod_tensor(part) else np.asarray(part)
            for v, part in zip(self._feed_list, batch)
        }

    def start(self):
        """Begin to feed the program's runs."""
        self._running = iter(self._batches())

    def reset(self):
        """Stop; ``start`` begins again."""
        self._running = None

    def next_feed(self):
        """What the next run is fed; raises EOFException at the end."""
        try:
            return self._as_feed(next(self._running))
        except StopIteration:
            self._running = None
            raise EOFException("there is no next data") from None


started_loaders = shared("started_loaders", [])


def feed_of_started_loaders(program):
    """The feed of the loaders that were started for this program; None where there is none."""
    feed = None
    for loader in started_loaders:
        if loader._running is not None and belongs_to(loader, program):
            feed = {**(feed or {}), **loader.next_feed()}
    return feed


def belongs_to(loader, program):
    """Whether a loader's inputs are inputs of the program (or of the one it is a clone of)."""
    if loader._program is program:
        return True
    for clone, mapping, original in clone_sources:
        if clone is program:
            return loader._program is original
    return False


def from_generator(
    feed_list=None,
    capacity=None,
    use_double_buffer=True,
    iterable=True,
    return_list=False,
    use_multiprocess=False,
    drop_last=True,
):
    """A loader of batches from a Python generator."""
    return GeneratorLoader(feed_list, iterable, return_list, drop_last)


def PyReader(
    feed_list=None, capacity=None, use_double_buffer=True, iterable=True, return_list=False
):
    """A loader of batches from a Python generator."""
    return GeneratorLoader(feed_list, iterable, return_list)


def py_reader(capacity, shapes, dtypes, lod_levels=None, name=None, use_double_buffer=True):
    """A loader with its own inputs; ``read_file`` gives them."""
    name = name or paddle.utils.unique_name.generate("py_reader")
    inputs = []
    for number, (shape, dtype) in enumerate(zip(shapes, dtypes)):
        level = lod_levels[number] if lod_levels else 0
        inputs.append(lod_data(f"{name}_{number}", list(shape), dtype, level))
    return GeneratorLoader(inputs, iterable=False)


def create_py_reader_by_data(capacity, feed_list, name=None, use_double_buffer=True):
    """A loader for inputs that are there already."""
    return GeneratorLoader(feed_list, iterable=False)


def read_file(reader):
    """The inputs of a py_reader: one, or a list."""
    inputs = reader._feed_list
    return inputs[0] if len(inputs) == 1 else inputs


def double_buffer(reader, place=None, name=None):
    """The reader itself."""
    return reader
