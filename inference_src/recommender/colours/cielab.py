"""sRGB and CIELAB (D65, 2°), both ways, for arrays whose last axis is the colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# IEC 61966-2-1, and CIE 15 for the rest
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def lab_of_rgb(rgb: ArrayLike) -> NDArray[np.float64]:
    """CIELAB of sRGB 0–255."""
    channel = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def rgb_of_lab(lab: ArrayLike) -> NDArray[np.uint8]:
    """sRGB 0–255 of CIELAB, clipped to what a screen can show."""
    lightness, a, b = np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    channel = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(channel * 255), dtype=np.uint8)


def ciede2000(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """The visible difference of two CIELAB colours by CIEDE2000 (Sharma, Wu, Dalal 2005); the last axis is the colour.

    Unlike the distance in CIELAB it doesn't overrate chroma in vivid colours or hue in blues, nor underrate greys.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, dtype=np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, dtype=np.float64), -1, 0)
    stretch = 1 + 0.5 * (1 - _weight_of_chroma((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    grey = c1 * c2 == 0  # a grey has no hue that could differ
    hue = np.where(grey, h1 + h2, h1 + turn / 2)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    far = (lightness - 50) ** 2
    by_lightness = (l2 - l1) / (1 + 0.015 * far / np.sqrt(20 + far))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.where(grey, 0.0, turn) / 2) / (1 + 0.015 * chroma * _weight_of_hue(hue))
    from_blue = (np.degrees(hue) % 360 - 275) / 25
    rotation = 2 * _weight_of_chroma(chroma) * np.sin(np.radians(60) * np.exp(-(from_blue**2)))
    squares = by_lightness**2 + by_chroma**2 + by_hue**2 - rotation * by_chroma * by_hue
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _weight_of_chroma(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    power = chroma**7
    return np.asarray(np.sqrt(power / (power + 25.0**7)))


def _weight_of_hue(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    turns = 0.17, 0.24, 0.32, 0.20
    waves = (
        np.cos(hue - np.radians(30)),
        np.cos(2 * hue),
        np.cos(3 * hue + np.radians(6)),
        np.cos(4 * hue - np.radians(63)),
    )
    return np.asarray(1 - turns[0] * waves[0] + turns[1] * waves[1] + turns[2] * waves[2] - turns[3] * waves[3])
