"""What people would use instead: a hand-written step, torchvision's FCN with its reference step, pytorch-fcn."""

import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fcnlab.error import UserError

Batch = tuple[torch.Tensor, torch.Tensor]
MISSING = ("fcn", "pytz", "skimage", "skimage.io")  # what pytorch-fcn imports and its models and loss do not use


def random_batch(*, image: Sequence[int], batch: int, classes: int, device: torch.device) -> Batch:
    """Normal images (N, 3, H, W) and labels (N, H, W) of which some are void."""
    height, width = image
    torch.manual_seed(0)
    mask = torch.randint(0, classes, (batch, height, width))
    mask[:, : height // 10] = 255
    return torch.randn(batch, 3, height, width).to(device), mask.to(device)


def training(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[..., Any],
    inputs: torch.Tensor,
    labels: torch.Tensor,
) -> Callable[[], None]:
    """The loop body of tutorials, to be called over and over."""

    def step() -> None:
        optimizer.zero_grad()
        loss(net(inputs), labels).backward()
        optimizer.step()

    return step


class Textbook(nn.Module):
    """FCN-8s as tutorials write it: torchvision's VGG16, dense transposed convolutions that learn."""

    def __init__(self, classes: int, width: float, hidden: int) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers

        layers = make_layers([c if isinstance(c, str) else int(c * width) for c in cfgs["D"]])
        self.to_pool3, self.to_pool4, self.to_pool5 = layers[:17], layers[17:24], layers[24:]
        third, fourth = int(256 * width), int(512 * width)
        self.head = nn.Sequential(
            *(nn.Conv2d(fourth, hidden, 7, padding=3), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout(), nn.Conv2d(hidden, classes, 1)),
        )
        self.score_pool4, self.score_pool3 = nn.Conv2d(fourth, classes, 1), nn.Conv2d(third, classes, 1)
        self.up = nn.ModuleList(nn.ConvTranspose2d(classes, classes, 2 * f, f, f // 2) for f in (2, 2, 8))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Image (N, 3, H, W) -> logits (N, C, H, W)."""
        pool3 = self.to_pool3(image)
        pool4 = self.to_pool4(pool3)
        score = self.head(self.to_pool5(pool4))
        score = self.up[0](score, output_size=pool4.shape[-2:]) + self.score_pool4(pool4)
        score = self.up[1](score, output_size=pool3.shape[-2:]) + self.score_pool3(pool3)
        logits: torch.Tensor = self.up[2](score, output_size=image.shape[-2:])
        return logits


def textbook(
    *, image: Sequence[int], batch: int, classes: int, width: float, hidden: int, device: torch.device
) -> Callable[[], None]:
    """The loop body of tutorials: 32 bits, cross-entropy, Adam."""
    net = Textbook(classes, width, hidden).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    data = random_batch(image=image, batch=batch, classes=classes, device=device)
    return training(net, optimizer, nn.CrossEntropyLoss(ignore_index=255), *data)


def torchvision_fcn(*, image: Sequence[int], batch: int, classes: int, device: torch.device) -> Callable[[], None]:
    """fcn_resnet50 and one step of references/segmentation/train.py: auxiliary loss at half weight, SGD."""
    from torchvision.models.segmentation import fcn_resnet50

    net = fcn_resnet50(weights=None, weights_backbone=None, num_classes=classes, aux_loss=True).to(device).train()
    torch.backends.cudnn.benchmark = True  # as that script
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def loss(out: dict[str, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        losses = {name: nn.functional.cross_entropy(x, labels, ignore_index=255) for name, x in out.items()}
        return losses["out"] + 0.5 * losses["aux"]

    return training(net, optimizer, loss, *random_batch(image=image, batch=batch, classes=classes, device=device))


def pytorch_fcn(
    clone: str, *, image: Sequence[int], batch: int, classes: int, device: torch.device
) -> Callable[[], None]:
    """FCN8s and the loss of a clone of wkentaro/pytorch-fcn as they are, with the step of its Trainer, scores left out.

    Raises UserError where there is no such clone.
    """
    try:
        with importable(Path(clone).expanduser()):
            models, trainer = import_module("torchfcn.models"), import_module("torchfcn.trainer")
    except ImportError as error:
        raise UserError(
            f"pytorch_fcn={clone} holds no torchfcn ({error}). Name a clone of wkentaro/pytorch-fcn."
        ) from error
    net = models.FCN8s(n_class=classes).to(device).train()
    learning = [p for m in net.modules() if isinstance(m, nn.Conv2d) for p in m.parameters()]  # as its get_parameters
    optimizer = torch.optim.SGD(learning, lr=1e-14, momentum=0.99, weight_decay=0.0005)
    inputs, labels = random_batch(image=image, batch=batch, classes=classes, device=device)
    labels[labels == 255] = -1  # its void

    def loss(out: torch.Tensor, labels: torch.Tensor) -> Any:
        return trainer.cross_entropy2d(out, labels, size_average=False) / len(out)

    return training(net, optimizer, loss, inputs, labels)


@contextmanager
def importable(clone: Path) -> Iterator[None]:
    """Let ``torchfcn`` be imported from a clone; packages that it names and does not need here are empty ones."""
    empty = [name for name in MISSING if name not in sys.modules]
    sys.modules |= {name: types.ModuleType(name) for name in empty}
    sys.path.insert(0, str(clone))
    try:
        import_module("setuptools")  # gives Python 3.12 and later the distutils that pytorch-fcn imports
        yield
    finally:
        sys.path.remove(str(clone))
        for name in empty:
            del sys.modules[name]
