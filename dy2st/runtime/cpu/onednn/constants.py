"""Numbers of oneDNN's C API (``dnnl_types.h``), equal in versions 3.2 to 3.14."""

from __future__ import annotations

SUCCESS, OUT_OF_MEMORY, INVALID_ARGUMENTS, UNIMPLEMENTED, LAST_IMPL, RUNTIME_ERROR, NOT_REQUIRED = (
    range(7)
)
STATUS = {
    1: "out of memory",
    2: "invalid arguments",
    3: "unimplemented",
    4: "last implementation reached",
    5: "runtime error",
    6: "not required",
}

CPU = 1
STREAM_DEFAULT = 1
FORWARD_INFERENCE = 96
MAX_NDIMS = 12

# Data types
DTYPES = {"float16": 1, "bfloat16": 2, "float32": 3, "int32": 4, "int8": 5, "uint8": 6}
DTYPE_NAMES = {number: name for name, number in DTYPES.items()}
DTYPE_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "int32": 4, "int8": 1, "uint8": 1}

# Format kinds and the few tags that have no strides
KIND_ANY, KIND_BLOCKED, KIND_OPAQUE = 1, 2, 3
TAG_ANY = 1
# Channel-blocked activations (axis 1 in blocks of 16 or 8), by rank
TAG_BLOCKED = {
    (3, 16): 56,
    (4, 16): 78,
    (5, 16): 121,
    (3, 8): 69,
    (4, 8): 102,
    (5, 8): 142,
}

# Algorithms
CONV_DIRECT, CONV_WINOGRAD, CONV_AUTO = 1, 2, 3
DECONV_DIRECT = 0xA
POOL_MAX, POOL_AVG_INCLUDE, POOL_AVG_EXCLUDE = 0x1FF, 0x2FF, 0x3FF
ELTWISE = {
    "relu": 0x20,
    "tanh": 0x21,
    "elu": 0x22,
    "square": 0x23,
    "abs": 0x24,
    "sqrt": 0x25,
    "linear": 0x26,
    "soft_relu": 0x27,
    "hardsigmoid": 0x28,
    "logistic": 0x29,
    "exp": 0x2A,
    "gelu_tanh": 0x2B,
    "swish": 0x2C,
    "log": 0x2D,
    "clip": 0x2E,
    "clip_v2": 0x2F,
    "pow": 0x30,
    "gelu_erf": 0x31,
    "round": 0x32,
    "mish": 0x33,
    "hardswish": 0x34,
}
BINARY = {
    "add": 0x1FFF0,
    "mul": 0x1FFF1,
    "max": 0x1FFF2,
    "min": 0x1FFF3,
    "div": 0x1FFF4,
    "sub": 0x1FFF5,
}

# Recurrent networks
LEFT_TO_RIGHT, RIGHT_TO_LEFT, BIDIRECTIONAL_CONCAT, BIDIRECTIONAL_SUM = 1, 2, 3, 4

# Execution arguments
ARG_SRC, ARG_SRC_1, ARG_SRC_2 = 1, 2, 3
ARG_DST, ARG_DST_1, ARG_DST_2 = 17, 18, 19
ARG_WEIGHTS, ARG_WEIGHTS_1 = 33, 34
ARG_BIAS, ARG_WORKSPACE, ARG_SCRATCHPAD = 41, 64, 80
ARG_MULTIPLE_SRC = 1024
ARG_ATTR_SCALES = 4096
ARG_POST_OP_BASE = 32768

# Queries
QUERY_IMPL_INFO = 8
QUERY_EXEC_ARG_MD = 255
QUERY_SCRATCHPAD_MD = 136
QUERY_NDIMS, QUERY_DIMS, QUERY_DTYPE = 256, 257, 258
QUERY_PADDED_DIMS, QUERY_FORMAT_KIND = 260, 262
QUERY_INNER_NBLKS, QUERY_INNER_BLKS, QUERY_INNER_IDXS = 263, 264, 265
QUERY_STRIDES = 14
SCRATCHPAD_USER = 1
FPMATH_STRICT = 0
