"""Small inference models, saved by Paddle 1.8.5, with what it computed from them.

Run by record.py with 1.8.5: ``python old_models.py FOLDER``. Works on Python 3.7.
"""

import json
import os
import sys


def cnn(layers):
    """Convolutions of several kinds, normalisation, pooling."""
    x = layers.data("x", [3, 8, 8])
    h = layers.batch_norm(layers.conv2d(x, 4, 3, padding=1, act="relu"), act="leaky_relu")
    h = layers.dropout(layers.conv2d(h, 4, 3, groups=4, stride=2), 0.3)
    h = layers.prelu(layers.conv2d_transpose(h, 3, filter_size=2, stride=2), "channel")
    big = layers.resize_bilinear(h, [9, 9])
    near = layers.resize_nearest(h, [9, 9])
    h = layers.pool2d(layers.hard_swish(big + near), global_pooling=True, pool_type="avg")
    return [layers.fc(h, 5, act="softmax"), layers.pad2d(big, [1, 1, 2, 2], mode="reflect")]


def encoder(layers):
    """Attention over embedded ids; saved as two files, its inputs in the other order."""
    import paddle.fluid as fluid

    ids = fluid.data("ids", [None, 6], "int64")
    mask = fluid.data("mask", [None, 6], "float32")
    e = layers.layer_norm(fluid.embedding(ids, [20, 8]), begin_norm_axis=2)
    q = layers.reshape(layers.fc(e, 8, num_flatten_dims=2), [0, 0, 2, 4])
    q = layers.transpose(q, [0, 2, 1, 3])
    scores = layers.matmul(q, q, transpose_y=True, alpha=0.5)
    scores = scores + layers.unsqueeze(layers.scale(mask, 1e4, -1.0, False), [1, 2])
    weight = layers.dropout(layers.softmax(scores), 0.1)
    out = layers.reshape(layers.transpose(layers.matmul(weight, q), [0, 2, 1, 3]), [0, 0, 8])
    out = layers.gelu(layers.fc(out, 8, num_flatten_dims=2) + e)
    first = layers.squeeze(layers.slice(out, [1], [0], [1]), [1])
    return [layers.fc(first, 3, act="tanh"), layers.topk(out, 2)[0], layers.reduce_sum(out)]


def detector(layers):
    """A YOLO head and NMS."""
    x = layers.data("x", [3, 16, 16])
    size = layers.data("size", [2], dtype="int32")
    head = layers.conv2d(x, 3 * 7, 8, stride=8)
    boxes, scores = layers.yolo_box(head, size, [4, 5, 8, 9, 6, 3], 2, 0.01, 8)
    scores = layers.transpose(scores, [0, 2, 1])
    return [layers.multiclass_nms(boxes, scores, 0.01, 40, 5, 0.4, background_label=-1)]


def sentences(layers):
    """Recurrence and pooling over sequences."""
    words = layers.data("words", [1], dtype="int64", lod_level=1)
    e = layers.embedding(words, [10, 8])
    forward, _ = layers.dynamic_lstm(e, 8)
    gated = layers.dynamic_gru(layers.fc(e, 6), 2, is_reverse=True)
    near = layers.sequence_conv(e, 3, act="tanh")
    pooled = [layers.sequence_pool(v, "max") for v in (forward, gated, near)]
    return [layers.fc(pooled, 3, act="softmax"), layers.sequence_pool(e, "average")]


MODELS = {"cnn": cnn, "encoder": encoder, "detector": detector, "sentences": sentences}
SHAPES = {"cnn": {"x": (2, 3, 8, 8)}, "detector": {"x": (1, 3, 16, 16), "size": (1, 2)}}
FILES = {"encoder": {"model_filename": "model", "params_filename": "params"}}


def feed_of(name, lod_tensor):
    """The same values on both sides; sequences by ``lod_tensor(array, lengths)``."""
    import numpy as np

    random = np.random.RandomState(1)
    if name == "sentences":
        return {"words": lod_tensor(np.arange(5).reshape(5, 1).astype("int64"), [[2, 3]])}
    if name == "encoder":
        mask = (random.rand(2, 6) > 0.3).astype("float32")
        return {"mask": mask, "ids": random.randint(0, 20, (2, 6)).astype("int64")}
    feed = {"x": random.rand(*SHAPES[name]["x"]).astype("float32")}
    return dict(feed, size=np.array([[16, 16]], "int32")) if name == "detector" else feed


def main(folder):
    """Save every model and write what it computes, with the order of its inputs."""
    import numpy as np
    import paddle.fluid as fluid

    found = {}
    place = fluid.CPUPlace()
    exe = fluid.Executor(place)
    for name, build in MODELS.items():
        main, startup = fluid.Program(), fluid.Program()
        startup.random_seed = 3
        target, files = os.path.join(folder, name), FILES.get(name, {})
        with fluid.program_guard(main, startup), fluid.scope_guard(fluid.Scope()):
            with fluid.unique_name.guard():
                results = build(fluid.layers)
            exe.run(startup)
            feed = feed_of(name, lambda a, n: fluid.create_lod_tensor(a, n, place))
            order = list(feed)
            fluid.io.save_inference_model(target, order, results, exe, **files)
            program, inputs, fetched = fluid.io.load_inference_model(target, exe, **files)
            values = exe.run(program, feed=feed, fetch_list=fetched, return_numpy=False)
            values = [np.array(v).tolist() for v in values]
            found[name] = {"inputs": inputs, "values": values}
    with open(os.path.join(folder, "computed.json"), "w") as stream:
        json.dump(found, stream)


if __name__ == "__main__":
    main(sys.argv[1])
