"""The masks of further heads are of the same images, and go through the same augmentation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data.two_masks import HEADS, SIZE, TINY, make, side

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("two"))


def test_masks_of_a_head_are_turned_with_the_image(root: Path) -> None:
    flip = "data.augment=[{_target_: albumentations.HorizontalFlip, p: 1.0}]"
    words = [word for word in TINY if "augment" not in word]
    data = build(compose("train", [*words, f"data.root='{root}'", HEADS[0], flip]).data)
    sample = data.dataset("train", training=True)[0]
    assert torch.equal(sample.masks["side"], torch.from_numpy(side(0)[:, ::-1].astype(np.int64)))
    batch = data.loader("test").collate_fn([data.dataset("test")[i] for i in range(2)])
    assert batch["masks"]["side"].shape == (2, *SIZE)


def test_masks_of_other_images_or_sizes_are_told(root: Path) -> None:
    words = [*TINY, f"data.root='{root}'"]
    data = build(compose("train", [*words, HEADS[0]]).data)
    data.heads["side"].read_mask = lambda split, index: side(index)[:-1]
    with pytest.raises(UserError, match="The mask of i0 for head side is 64x47, the first one 64x48"):
        data.dataset("train")[0]
    data.heads["side"].names = lambda split: ["other"]
    with pytest.raises(UserError, match="has 1 images in split 'train', which are not the 6 of the first masks"):
        data.dataset("train")
