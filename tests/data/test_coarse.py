"""A mask through a stride is what a slow reckoning, and the net's own bilinear upsampling, make of it."""

import numpy as np
import pytest
import torch
from test_upper_bound import blobs, slowly

from fcnlab.data.coarse import through_stride
from fcnlab.model.backbone import Feature
from fcnlab.model.upsample import BilinearUpsample


def by_planes(mask: np.ndarray, stride: int) -> np.ndarray:
    """One plane per label, averaged over cells, and the largest of the planes that a net's upsampling gives."""
    height, width = mask.shape
    labels = np.unique(mask)
    planes = torch.from_numpy(mask[None] == labels[:, None, None]).float()
    planes = torch.nn.functional.pad(planes, (0, -width % stride, 0, -height % stride))
    cells = torch.nn.functional.avg_pool2d(planes, stride).argmax(0)
    coarse = torch.nn.functional.one_hot(cells, len(labels)).permute(2, 0, 1).float()
    centred = Feature(channels=len(labels), stride=stride, offset=(stride - 1) / 2)
    upsample = BilinearUpsample(channels=len(labels), source=centred, factor=stride, target_offset=0)
    fine = upsample(coarse[None], start=upsample.shift, height=height, width=width)
    return np.asarray(labels[fine[0].argmax(0).numpy()])


@pytest.mark.parametrize("stride", [1, 4, 5, 8, 16, 64])
def test_a_mask_through_a_stride_is_that_of_the_slow_reckoning(stride: int) -> None:
    for seed in range(3):
        mask = blobs(seed, 30 + seed, 43)
        assert (through_stride(mask, stride) == slowly(mask, stride)).all()
    assert (through_stride(mask, 1) == mask).all()


@pytest.mark.parametrize("stride", [2, 3, 4, 6, 8, 32, 128])
def test_a_mask_through_a_stride_is_what_the_net_would_upsample(stride: int) -> None:
    for seed in range(4):
        mask = blobs(seed, 90 + seed, 121)
        assert (through_stride(mask, stride) == by_planes(mask, stride)).all()
