"""Compile PaddlePaddle models written in ordinary Python. ``import dy2st`` never imports Paddle."""

from __future__ import annotations

__version__ = "0.1.0"
