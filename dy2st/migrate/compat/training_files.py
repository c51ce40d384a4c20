"""Training from files, as ``Executor.train_from_dataset`` did: helpers for ``fluid_compat``."""


def dataset_lines(dataset):
    """The lines of a dataset's files, each file sent through its pipe command."""
    for path in dataset.filelist:
        with open(path, "rb") as stream:
            command = dataset.proto_desc.pipe_command
            done = subprocess.run(
                command, stdin=stream, stdout=subprocess.PIPE, shell=True, check=True
            )
        yield from done.stdout.decode().splitlines()


def dataset_batch(slots, rows, shapes):
    """The feed for some lines, each of them the texts of its slots."""
    feed = {}
    for number, slot in enumerate(slots):
        if not slot.is_used:
            continue
        kind = "float32" if slot.type == "float" else "int64"
        parts = [np.array(row[number], kind) for row in rows]
        if lod_inputs.get(slot.name):
            flat = np.concatenate(parts).reshape([-1, 1])
            feed[slot.name] = create_lod_tensor(flat, [[len(p) for p in parts]])
        else:
            feed[slot.name] = np.stack(parts).reshape([len(rows), *shapes[slot.name][1:]])
    return feed


def dataset_batches(dataset, program):
    """Feeds for a program: a line holds for each slot a count and that many values."""
    slots, rows = dataset.proto_desc.multi_slot_desc.slots, []
    inputs = [op.attrs() for op in program.global_block().ops if op.name() == "pd_op.data"]
    shapes = {attrs["name"]: list(attrs["shape"]) for attrs in inputs}
    for line in dataset_lines(dataset):
        fields, row = line.split(), []
        for _ in slots:
            count = int(fields.pop(0))
            row.append([fields.pop(0) for _ in range(count)])
        rows.append(row)
        if len(rows) == dataset.proto_desc.batch_size:
            yield dataset_batch(slots, rows, shapes)
            rows = []
    if rows:
        yield dataset_batch(slots, rows, shapes)


class DatasetExecutor(Executor):
    """An Executor that runs a program over the files of a dataset, one batch after the other."""

    def train_from_dataset(
        self,
        program=None,
        dataset=None,
        scope=None,
        thread=0,
        debug=False,
        fetch_list=None,
        fetch_info=None,
        print_period=100,
        fetch_handler=None,
    ):
        """One pass over the files; prints what is fetched every ``print_period`` batches."""
        if dataset is None:
            raise RuntimeError("dataset is needed and should be initialized")
        program = program if program is not None else paddle.static.default_main_program()
        fetch_list = list(fetch_list or [])
        for number, feed in enumerate(
            dataset_batches(dataset, getattr(program, "program", program))
        ):
            values = self.run(program, feed, fetch_list, scope=scope)
            if fetch_list and number % print_period == 0:
                names = fetch_info or [f"fetch {i}" for i in range(len(values))]
                for name, value in zip(names, values):
                    print(name, value)

    infer_from_dataset = train_from_dataset
