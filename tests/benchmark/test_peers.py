"""Peers do what they are there for: any size in, logits of that size out; a clone's own model and loss are used."""

import sys
from pathlib import Path

import pytest
import torch

from fcnlab.benchmark.peers import Textbook, pytorch_fcn, random_batch, textbook, torchvision_fcn
from fcnlab.error import UserError

CPU = torch.device("cpu")
SHAPE = {"image": [33, 50], "batch": 2, "classes": 5, "device": CPU}


def test_a_batch_has_every_class_and_void() -> None:
    image, mask = random_batch(**SHAPE)
    assert image.shape == (2, 3, 33, 50)
    assert set(mask.unique().tolist()) == {0, 1, 2, 3, 4, 255}


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (72, 95)])
def test_the_textbook_net_scores_every_pixel(size: tuple[int, int]) -> None:
    assert Textbook(5, 0.05, 16)(torch.randn(1, 3, *size)).shape == (1, 5, *size)


def test_peers_take_steps() -> None:
    textbook(**SHAPE, width=0.05, hidden=16)()
    torchvision_fcn(**SHAPE)()


def clone(folder: Path) -> str:
    """What of pytorch-fcn is used, in small, with its imports."""
    package = folder / "torchfcn"
    package.mkdir()
    (package / "__init__.py").write_text("from . import models\nfrom .trainer import cross_entropy2d\n")
    (package / "models.py").write_text(
        "import fcn\nfrom torch import nn\n\n\nclass FCN8s(nn.Module):\n    def __init__(self, n_class):\n"
        "        super().__init__()\n        self.layer = nn.Conv2d(3, n_class, 1)\n\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
    )
    (package / "trainer.py").write_text(
        "import fcn\nimport pytz\nimport skimage.io\nimport torch.nn.functional as F\n\nseen = []\n\n\n"
        "def cross_entropy2d(score, target, size_average):\n    seen.append((target.min().item(), size_average))\n"
        "    return F.cross_entropy(score, target, ignore_index=-1, reduction='sum')\n"
    )
    return str(folder)


def test_a_clone_of_pytorch_fcn_is_used_as_it_is(tmp_path: Path) -> None:
    step = pytorch_fcn(clone(tmp_path), **SHAPE)
    try:
        step()
        assert sys.modules["torchfcn.trainer"].seen == [(-1, False)]  # its void, its sum
        assert "fcn" not in sys.modules
        assert str(tmp_path) not in sys.path
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchfcn"]:
            del sys.modules[name]


def test_a_folder_without_pytorch_fcn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no torchfcn"):
        pytorch_fcn(str(tmp_path), **SHAPE)
