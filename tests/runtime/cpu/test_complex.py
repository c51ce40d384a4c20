"""Complex numbers inside of a Program: no kernel has them, numpy's definitions run instead."""

import numpy as np
import paddle

from dy2st import to_static


def test_spectrogram():
    def f(wave, window):
        spectrum = paddle.signal.stft(wave, n_fft=64, hop_length=16, window=window)
        power = paddle.abs(spectrum.transpose([0, 2, 1])) ** 2
        return paddle.log10(paddle.clip(power, min=1e-6)), paddle.real(spectrum * spectrum.conj())

    rng = np.random.default_rng(0)
    wave = paddle.to_tensor(rng.standard_normal((2, 400), np.float32))
    window = paddle.to_tensor(np.hanning(64).astype(np.float32))
    for expected, actual in zip(f(wave, window), to_static(f)(wave, window)):
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_filter_in_the_frequency_domain():
    def f(x, h):
        return paddle.fft.irfft(paddle.fft.rfft(x) * paddle.fft.rfft(h))

    rng = np.random.default_rng(0)
    x, h = (paddle.to_tensor(rng.standard_normal((3, 32), np.float32)) for _ in range(2))
    np.testing.assert_allclose(to_static(f)(x, h).numpy(), f(x, h).numpy(), rtol=1e-4, atol=1e-5)
