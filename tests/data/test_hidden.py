"""What data.hide names has the mean colour in the splits that it names, and the masks stay as they are."""

import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError

WORDS = ("data=shapes", "data.images.train=2", "data.images.test=2", "data.size=128", "data.augment=[]")


def data(*words: str):
    return build(compose("train", [*WORDS, *words]).data)


@pytest.mark.parametrize("size", ["null", "[64,64]"])
@pytest.mark.parametrize("what", ["background", "foreground", "both"])
def test_it_is_the_mean_colour_where_the_mask_says_so(what: str, size: str) -> None:
    plain, hidden = data(f"data.image_size={size}"), data(f"data.image_size={size}", f"+data.hide={{test: {what}}}")
    for index in range(2):
        before, after = plain.dataset("test")[index], hidden.dataset("test")[index]
        assert torch.equal(before.mask, after.mask)
        mask = before.mask.numpy()
        near = mask if size == "null" else mask[1::2, 1::2]  # the pixel whose centre is nearest, of two the later
        assert near.shape == before.image.shape[-2:]
        ground = torch.from_numpy(near == 0)
        assert ground.any()
        assert not ground.all()
        expected = before.image.clone()
        if what != "foreground":
            expected[:, ground] = 0
        if what != "background":
            white = (1 - torch.tensor(plain.mean)) / torch.tensor(plain.std)
            expected[:, ~ground] = white[:, None] if what == "both" else 0
        torch.testing.assert_close(after.image, expected)
        assert torch.equal(hidden.dataset("train", training=True)[index].image, plain.dataset("train")[index].image)


@pytest.mark.parametrize(
    ("hide", "message"),
    [
        ("{train: backgroung}", "data.hide={train: backgroung} is not"),
        ("{tset: background}", "data.hide={tset: background} is not"),
        ("{test: both}", "data.hide needs a class called background, but there are sky, building"),
    ],
)
def test_what_it_does_not_know_is_told(hide: str, message: str) -> None:
    words = ("data=camvid", "data.root=nowhere", f"+data.hide={hide}")
    with pytest.raises(UserError, match=message):
        build(compose("train", [*words]).data)
    build(compose("train", [*words[:-1], "+data.hide={test: null}"]).data)  # hides nothing
