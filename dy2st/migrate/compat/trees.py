"""Networks on trees: convolution over subtrees, and the tree of a deep retrieval model."""

import numpy as np
import paddle


def tree_conv(
    nodes_vector,
    edge_set,
    output_size,
    num_filters=1,
    max_depth=2,
    act="tanh",
    param_attr=None,
    bias_attr=None,
    name=None,
):
    """For each node a convolution over the subtree below it: [batch, nodes, outputs, filters]."""
    name = layer_name("tree_conv", name)
    shape = [nodes_vector.shape[2], 3, output_size, num_filters]
    weight = new_parameter(shape, nodes_vector.dtype, named(param_attr, name, "w_0"), None)
    out = convolve_trees(nodes_vector, edge_set, weight, max_depth)
    size = [size_of(nodes_vector, 1), output_size, num_filters]
    bias = new_parameter(size, out.dtype, named(bias_attr, name, "b_0"), None, True)
    out = out if bias is None else out + bias
    return append_act(out, act)


class TreeConv(paddle.nn.Layer):
    """``tree_conv`` as a layer."""

    def __init__(
        self,
        feature_size,
        output_size,
        num_filters=1,
        max_depth=2,
        act="tanh",
        param_attr=None,
        bias_attr=None,
        name=None,
        dtype="float32",
    ):
        super().__init__()
        self.max_depth, self.act = max_depth, act
        self.bias = None
        if bias_attr:
            attr = paddle.ParamAttr._to_attr(bias_attr)
            self.bias = self.create_parameter([num_filters], attr, dtype, is_bias=True)
        shape = [feature_size, 3, output_size, num_filters]
        self.weight = self.create_parameter(shape, paddle.ParamAttr._to_attr(param_attr), dtype)

    def forward(self, nodes_vector, edge_set):
        """[batch, nodes, outputs, filters]."""
        out = convolve_trees(nodes_vector, edge_set, self.weight, self.max_depth)
        if self.bias is not None:
            out = elementwise_add(out, self.bias, axis=1)
        return append_act(out, self.act)


def convolve_trees(nodes, edges, weight, max_depth):
    """The sum over each subtree of its nodes' features times weights for left, right and top."""
    size = size_of(nodes, 1)

    def compute(features, links):
        count = np.array(features).shape[1]
        return [[subtree_shares(tree, count, max_depth) for tree in np.array(links)]]

    shares = on_host(
        compute, [nodes, edges], [([nodes.shape[0], nodes.shape[1], 3, -1], "float32")]
    )
    shares = shares[0].astype(nodes.dtype)
    sides = paddle.matmul(paddle.reshape(shares, [0, -1, size]), nodes)
    width, outputs, filters = weight.shape[0], weight.shape[2], weight.shape[3]
    sides = paddle.reshape(sides, [-1, size, 3 * width])
    flat = paddle.reshape(paddle.transpose(weight, [1, 0, 2, 3]), [3 * width, outputs * filters])
    return paddle.reshape(paddle.matmul(sides, flat), [-1, size, outputs, filters])


def subtree_shares(edges, count, max_depth):
    """[node, side (left, right, top), node below]: how much of each node goes into which."""
    shares = np.zeros([count, 3, count], "float32")
    children = {}
    for parent, child in edges:
        if parent == 0 or child == 0:  # nodes count from 1, the rest is padding
            break
        children.setdefault(int(parent), []).append(int(child))
    last = 1 + len([child for own in children.values() for child in own])
    for root in range(1, last + 1):
        todo, seen = [(root, 1, 1, 0)], {root}
        while todo:
            node, place, siblings, depth = todo.pop()
            top = (max_depth - depth) / max_depth
            left = (1 - top) * (0.5 if siblings == 1 else (place - 1.0) / (siblings - 1.0))
            right = (1 - top) * (1 - left)
            shares[root - 1, :, node - 1] += left, right, top
            own = children.get(node, ()) if depth + 1 < max_depth else ()
            for number, child in enumerate(own, 1):
                if child not in seen:
                    seen.add(child)
                    todo.append((child, number, len(own), depth + 1))
    return shares


def tdm_child(x, node_nums, child_nums, param_attr=None, dtype="int32"):
    """The children of tree nodes, and for each whether it is a leaf."""
    name = layer_name("tdm_child", None)
    start = paddle.nn.initializer.Constant(0)
    attr = named(param_attr, name, "w_0")
    tree = new_parameter([node_nums, 3 + child_nums], dtype, attr, start)
    tree.stop_gradient = True  # rows: item, layer, parent, children
    shape = [*paddle.shape(x), child_nums]
    nodes = paddle.reshape(x, [-1, 1])
    children = paddle.gather(tree, nodes)[:, 3:]
    children = children * paddle.logical_and(nodes != 0, children[:, :1] != 0).astype(dtype)
    items = paddle.gather(tree[:, 0], paddle.reshape(children, [-1]))
    found = paddle.reshape(children, shape), paddle.reshape((items != 0).astype(dtype), shape)
    for value in found:
        value.stop_gradient = True
    return found
