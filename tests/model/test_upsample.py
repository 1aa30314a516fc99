"""Upsampling equals the paper's transposed convolution, and lies where it should."""

import numpy as np
import pytest
import torch

from fcnlab.error import UserError
from fcnlab.model.backbone import Feature
from fcnlab.model.upsample import BilinearUpsample, bilinear_kernel


def authors_kernel(size: int) -> np.ndarray:
    """The formula of the authors' surgery.py, written out with numpy."""
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 == 1 else factor - 0.5
    rows, columns = np.ogrid[:size, :size]
    return (1 - abs(rows - centre) / factor) * (1 - abs(columns - centre) / factor)


@pytest.mark.parametrize("size", [1, 3, 4, 16, 63, 64])
def test_the_kernel_is_the_authors(size: int) -> None:
    np.testing.assert_allclose(bilinear_kernel(size).numpy(), authors_kernel(size), rtol=1e-6)


def make(factor: int, *, learned: bool = False, offset: float | None = None) -> BilinearUpsample:
    centred = (factor - 1) / 2 if offset is None else offset
    source = Feature(channels=3, stride=factor, offset=centred)
    return BilinearUpsample(channels=3, source=source, factor=factor, target_offset=0.0, learned=learned)


@pytest.mark.parametrize("factor", [2, 8, 32])
@pytest.mark.parametrize("offset", [None, 0.0], ids=["even kernel", "odd kernel"])
def test_two_matrix_products_equal_the_dense_transposed_convolution(factor: int, offset: float | None) -> None:
    upsample = make(factor, offset=offset)
    score = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    dense = torch.zeros(3, 3, upsample.kernel, upsample.kernel, dtype=torch.float64)
    for channel in range(3):
        dense[channel, channel] = torch.from_numpy(authors_kernel(upsample.kernel))
    whole = torch.nn.functional.conv_transpose2d(score, dense, stride=factor)
    assert whole.shape[-2:] == (upsample.extent(5), upsample.extent(4))
    cut = whole[..., upsample.shift : upsample.shift + 4 * factor, upsample.shift : upsample.shift + 3 * factor]
    result = upsample(score, start=upsample.shift, height=4 * factor, width=3 * factor)
    torch.testing.assert_close(result, cut, rtol=1e-6, atol=1e-6)


def test_learned_upsampling_starts_as_the_fixed_one_and_learns() -> None:
    fixed, learned = make(2), make(2, learned=True)
    score = torch.randn(1, 3, 6, 6)
    window = {"start": 1, "height": 8, "width": 9}
    torch.testing.assert_close(learned(score, **window), fixed(score, **window))
    assert [tuple(p.shape) for p in learned.parameters()] == [(3, 1, 4, 4)]
    assert list(fixed.parameters()) == []


def test_a_map_is_reproduced_where_it_is_linear() -> None:
    # A ramp sampled at the source's places comes back as the same ramp in pixels.
    upsample = make(8)
    places = 8 * torch.arange(9.0) + 3.5
    result = upsample(places.expand(1, 3, 9, 9), start=upsample.shift, height=72, width=72)
    torch.testing.assert_close(result[0, 0, 36, 8:64], torch.arange(72.0)[8:64])


@pytest.mark.parametrize("offset", [0.3, -1.8, 2.75, 6.9])
def test_a_linear_map_is_reproduced_from_any_offset(offset: float) -> None:
    upsample = make(8, offset=offset)
    positions = 8 * torch.arange(9.0) + offset
    result = upsample(positions.expand(1, 3, 9, 9), start=upsample.shift, height=60, width=60)
    torch.testing.assert_close(result[0, 0, 30, 8:60], torch.arange(60.0)[8:])
    learned = make(8, offset=offset, learned=True)(
        positions.expand(1, 3, 9, 9), start=upsample.shift, height=60, width=60
    )
    torch.testing.assert_close(learned, result)


def test_too_small_a_map_is_refused_with_the_hint() -> None:
    with pytest.raises(UserError, match="padding=same or padding=100"):
        make(2)(torch.zeros(1, 3, 2, 2), start=1, height=100, width=2)
