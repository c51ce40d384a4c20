"""Paddle's layers: compiled equals eager in inference and training, and at two sizes of each dynamic
dimension that eager accepts, with one Program.

A fallback to Paddle's own kernels warns, and warnings are errors here.
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn as nn
import paddle.vision.ops as vision
import pytest

from dy2st import InputSpec, to_static

_rng = np.random.default_rng(5)


def r(*shape):
    return paddle.to_tensor(_rng.uniform(-0.3, 0.7, shape).astype("float32"))


img, seq, x, vol = r(2, 4, 8, 8), r(2, 6, 8), r(3, 8), r(1, 4, 4, 4, 4)
ids = paddle.to_tensor([[0, 2, 1], [3, 4, 4]])
classes = paddle.to_tensor([1, 2, 3])
ctc = (
    nn.functional.log_softmax(r(6, 2, 5)),
    paddle.to_tensor([[1, 2], [2, 1]], dtype="int32"),
    paddle.to_tensor([6, 6]),
    paddle.to_tensor([2, 2]),
)
regions = (
    paddle.to_tensor([[0.0, 0, 4, 4], [1, 1, 7, 7]]),
    paddle.to_tensor([1, 1], dtype="int32"),
)

LAYERS = {
    "Linear": (lambda: nn.Linear(8, 5), (x,)),
    "Conv1D": (lambda: nn.Conv1D(6, 4, 3, padding=1), (seq,)),
    "Conv2D": (lambda: nn.Conv2D(4, 6, 3, padding=1), (img,)),
    "Conv2Dr": (lambda: nn.Conv2D(4, 6, 3, padding=1, padding_mode="reflect"), (img,)),
    "Conv3D": (lambda: nn.Conv3D(4, 2, 3), (vol,)),
    "Conv1DT": (lambda: nn.Conv1DTranspose(6, 4, 3), (seq,)),
    "Conv2DT": (lambda: nn.Conv2DTranspose(4, 6, 3, stride=2, output_padding=1), (img,)),
    "Conv3DT": (lambda: nn.Conv3DTranspose(4, 2, 3), (vol,)),
    "BN1": (lambda: nn.BatchNorm1D(6), (seq,)),
    "BN2": (lambda: nn.BatchNorm2D(4), (img,)),
    "BN3": (lambda: nn.BatchNorm3D(4), (vol,)),
    "BN": (lambda: nn.BatchNorm(4), (img,)),
    "LN": (lambda: nn.LayerNorm(8), (seq,)),
    "GN": (lambda: nn.GroupNorm(2, 4), (img,)),
    "IN": (lambda: nn.InstanceNorm2D(4), (img,)),
    "LRN": (lambda: nn.LocalResponseNorm(3), (img,)),
    "wn": (lambda: nn.utils.weight_norm(nn.Linear(8, 5)), (x,)),
    "sn": (lambda: nn.utils.spectral_norm(nn.Linear(8, 5)), (x,)),
    "Embedding": (lambda: nn.Embedding(6, 4), (ids,)),
    "EmbeddingP": (lambda: nn.Embedding(6, 4, padding_idx=2), (ids,)),
    "Dropout": (lambda: nn.Dropout(0.5), (x,)),
    "Dropout2D": (lambda: nn.Dropout2D(0.5), (img,)),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.5), (x,)),
    "LSTM": (lambda: nn.LSTM(8, 5, 2, direction="bidirect"), (seq,)),
    "GRU": (lambda: nn.GRU(8, 5), (seq,)),
    "RNN": (lambda: nn.SimpleRNN(8, 5), (seq,)),
    "LSTMCell": (lambda: nn.LSTMCell(8, 5), (x,)),
    "GRUCell": (lambda: nn.GRUCell(8, 5), (x,)),
    "RNNw": (lambda: nn.RNN(nn.LSTMCell(8, 5)), (seq,)),
    "BiRNN": (lambda: nn.BiRNN(nn.GRUCell(8, 5), nn.GRUCell(8, 5)), (seq,)),
    "MHA": (lambda: nn.MultiHeadAttention(8, 2), (seq, seq, seq)),
    "Enc": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2), (seq,)),
    "Transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16), (seq, seq)),
    "MaxPool": (lambda: nn.MaxPool2D(2, ceil_mode=True), (img,)),
    "AvgPool": (lambda: nn.AvgPool2D(3, 2, 1, exclusive=False), (img,)),
    "AAP": (lambda: nn.AdaptiveAvgPool2D((3, None)), (img,)),
    "AMP": (lambda: nn.AdaptiveMaxPool2D(3), (img,)),
    "AAP3": (lambda: nn.AdaptiveAvgPool3D(2), (vol,)),
    "AMP1": (lambda: nn.AdaptiveMaxPool1D(2), (seq,)),
    "MP1": (lambda: nn.MaxPool1D(2), (seq,)),
    "MP3": (lambda: nn.MaxPool3D(2), (vol,)),
    "Up": (lambda: nn.Upsample(scale_factor=2), (img,)),
    "UpB": (lambda: nn.UpsamplingBilinear2D(scale_factor=2), (img,)),
    "UpN": (lambda: nn.UpsamplingNearest2D(scale_factor=2), (img,)),
    "PS": (lambda: nn.PixelShuffle(2), (img,)),
    "PU": (lambda: nn.PixelUnshuffle(2), (img,)),
    "CS": (lambda: nn.ChannelShuffle(2), (img,)),
    "Pad1": (lambda: nn.Pad1D(1), (seq,)),
    "Pad2r": (lambda: nn.Pad2D(1, mode="replicate"), (img,)),
    "Pad3": (lambda: nn.Pad3D(1), (vol,)),
    "Zero": (lambda: nn.ZeroPad2D(1), (img,)),
    "Flatten": (lambda: nn.Flatten(), (img,)),
    "Unflatten": (lambda: nn.Unflatten(1, [2, 2]), (img,)),
    "Unfold": (lambda: nn.Unfold(2), (img,)),
    "Fold": (lambda: nn.Fold([5, 5], 2), (r(2, 4, 16),)),
    "CE": (lambda: nn.CrossEntropyLoss(), (x, classes)),
    "MSE": (lambda: nn.MSELoss(), (x, x * 2)),
    "SL1": (lambda: nn.SmoothL1Loss(), (x, x * 2)),
    "L1": (lambda: nn.L1Loss(), (x, x * 2)),
    "BCE": (lambda: nn.BCEWithLogitsLoss(), (x, x.abs())),
    "KL": (lambda: nn.KLDivLoss(), (x, x.abs())),
    "NLL": (lambda: nn.NLLLoss(), (x, classes)),
    "CTC": (lambda: nn.CTCLoss(), ctc),
    "Triplet": (lambda: nn.TripletMarginLoss(), (x, x + 1, x * 2)),
    "Margin": (lambda: nn.MarginRankingLoss(), (x, x * 2, paddle.sign(x))),
    "Bilinear": (lambda: nn.Bilinear(8, 8, 4), (x, x)),
    "CosSim": (lambda: nn.CosineSimilarity(), (x, x * 2 + 1)),
    "PRelu": (lambda: nn.PReLU(4), (img,)),
    "GLU": (lambda: nn.GLU(), (x,)),
    "Maxout": (lambda: nn.Maxout(2), (img,)),
    "Softmax2D": (lambda: nn.Softmax2D(), (img,)),
    "RReLU": (lambda: nn.RReLU(), (x,)),
    "Act": (
        lambda: nn.Sequential(
            nn.GELU(),
            nn.Hardswish(),
            nn.Swish(),
            nn.Mish(),
            nn.SELU(),
            nn.Softplus(),
            nn.Softsign(),
            nn.Tanhshrink(),
            nn.LogSigmoid(),
            nn.ELU(),
            nn.Hardtanh(),
            nn.CELU(),
        ),
        (x,),
    ),
    "SN": (lambda: nn.SpectralNorm([4, 8]), (r(4, 8),)),
    "LPP": (lambda: nn.LPPool2D(2, 2), (img.abs(),)),
    "FMP": (lambda: nn.FractionalMaxPool2D(3, random_u=0.3), (img,)),
    "Deform": (lambda: vision.DeformConv2D(4, 6, 3, padding=1), (img, r(2, 18, 8, 8))),
    "RoIAlign": (lambda: vision.RoIAlign(2), (img, *regions)),
}
# Random in training: tests/ops/test_random.py compares those.
RANDOM = {"Dropout", "Dropout2D", "AlphaDropout", "MHA", "Enc", "Transformer", "LSTM", "RReLU"}
# Sizes that depend on one another, or that the layer's own weights fix.
FIXED = {"SN", "Deform", "RoIAlign", "CTC"}


def flat(out):
    if isinstance(out, (list, tuple)):
        return [t for o in out for t in flat(o)]
    return [out.numpy()] if isinstance(out, paddle.Tensor) else []


def assert_same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.filterwarnings("ignore:When training, we now always track")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", LAYERS)
def test_compiled_equals_eager(name, mode):
    """Results, and the buffers that the call changes."""
    if mode == "train" and name in RANDOM:
        pytest.skip("it is random in training")
    make, args = LAYERS[name]
    paddle.seed(7)
    net = make()
    getattr(net, mode)()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with paddle.no_grad():
        want = flat(net(*args))
        after = {k: v.numpy() for k, v in net.state_dict().items()}
        for key, value in net.state_dict().items():
            value.set_value(before[key])
        got = flat(to_static(lambda *a: net(*a))(*args))
    assert_same(got, want)
    for key, value in net.state_dict().items():
        np.testing.assert_allclose(value.numpy(), after[key], rtol=1e-4, atol=1e-5)


def _grown(tensor, axes):
    for axis in axes:
        first = tensor.slice([axis], [0], [1])
        tensor = paddle.concat([tensor, first, first, first], axis)
    return tensor


@pytest.mark.slow
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("name", sorted(LAYERS.keys() - FIXED))
def test_one_program_for_two_sizes(name, axes):
    make, args = LAYERS[name]
    paddle.seed(7)
    net = make()
    net.eval()
    if any(t.ndim <= max(axes) for t in args):
        pytest.skip("the input has no such axis")
    with paddle.no_grad():
        try:
            large = [_grown(t, axes) for t in args]
            cases = [(args, flat(net(*args))), (large, flat(net(*large)))]
        except Exception:
            pytest.skip("eager does not take another size here")
        specs = [
            InputSpec([None if i in axes else d for i, d in enumerate(t.shape)], str(t.dtype)[7:])
            for t in args
        ]
        static = to_static(net, input_spec=specs)
        for inputs, want in [*cases, cases[0]]:
            assert_same(flat(static(*inputs)), want)


def test_the_number_of_parts_is_the_examples():
    """A list whose length is a dynamic size: captured again for another size, never wrong."""
    static = to_static(
        lambda t: sum(paddle.unbind(t, 1)), input_spec=[InputSpec([None, None], "float32")]
    )
    for size in (3, 5, 3):
        t = r(4, size)
        np.testing.assert_allclose(static(t).numpy(), t.numpy().sum(1), rtol=1e-5)
