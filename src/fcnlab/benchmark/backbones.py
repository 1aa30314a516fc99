"""The facts of the paper's Table 1, of our nets: forward time, parameters, depth, receptive field, stride."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch.autograd.graph import Node

from fcnlab.benchmark.row import Row, in_turn
from fcnlab.cli.compose import build, compose, plain
from fcnlab.model.fcn import FCN
from fcnlab.model.geometry import receptive_field
from fcnlab.trainer.precision import on_gpu

BACKBONES = ("alexnet", "vgg16", "googlenet")


class Forward:
    """The forward pass of ``experiment=voc_backbones`` over one backbone, for one image, in 32 bits.

    Args:
        side: of the image, pixels.
        words: further overrides of ``fcnlab.train``.
    """

    def __init__(self, backbone: str, *, side: int = 500, words: Sequence[str] = ()) -> None:
        config = plain(compose("train", ["experiment=voc_backbones", f"model/backbone={backbone}", *words]))
        self.published: str = config["row"]["published"]["source"]
        self.device = torch.device("cuda" if on_gpu("auto") else "cpu")
        self.net: FCN = build(config["model"], num_classes=21).to(self.device).eval()
        self.image = torch.randn(1, 3, side, side, device=self.device)

    @torch.inference_mode()
    def __call__(self) -> None:
        """Score the image."""
        self.net(self.image)
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def facts(self) -> str:
        """What is read off the net itself, and the published facts, in words."""
        net = self.net.cpu()
        coarse = net.backbone.features[net.coarse]
        field = receptive_field(lambda image: net.backbone(image)[net.coarse], channels=3, stride=coarse.stride)
        return (
            f"{sum(p.numel() for p in net.parameters()):,} parameters, {depth(net(torch.randn(1, 3, 32, 32)))} "
            f"convolutions in a row, receptive field {field}, stride {coarse.stride}. {self.published}"
        )


def rows(config: dict[str, Any]) -> list[Row]:
    """A row per backbone, at the paper's 500x500 pixels."""
    nets = {name: Forward(name) for name in BACKBONES}
    return [
        Row(f"FCN-32s over {name}", "seconds, forward", seconds, "", nets[name].facts())
        for name, seconds in in_turn(nets, rounds=config["rounds"]).items()
    ]


def depth(output: torch.Tensor) -> int:
    """The most convolutions in a row on any way from the image to ``output``."""

    @cache
    def above(node: Node | None) -> int:
        if node is None:
            return 0
        return node.name().startswith("Convolution") + max((above(one) for one, _ in node.next_functions), default=0)

    return above(output.grad_fn)
