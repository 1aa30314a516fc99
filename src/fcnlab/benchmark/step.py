"""The bare training step of ours, without Trainer, metrics and loader: forward, loss, backward, update."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fcnlab.benchmark.ceiling import copy_rate, product_rate
from fcnlab.benchmark.peers import pytorch_fcn, random_batch, textbook, torchvision_fcn
from fcnlab.benchmark.row import Alone, Row, in_turn, ratios, shown
from fcnlab.cli.compose import build, compose, plain
from fcnlab.loss.build import build_loss
from fcnlab.trainer.allocator import keep_freed_memory
from fcnlab.trainer.precision import on_gpu, prefers_channels_last, resolve_precision


class Step:
    """One training step, over and over on one random batch.

    Args:
        words: overrides of ``fcnlab.train``.
    """

    def __init__(self, words: Sequence[str], *, image: Sequence[int], batch: int, classes: int) -> None:
        config = plain(compose("train", [*words]))
        if not on_gpu(config["trainer"]["accelerator"]):
            keep_freed_memory()  # as a training does
        torch.backends.cudnn.benchmark = bool(config["trainer"]["benchmark"])
        precision = resolve_precision(config["trainer"]["precision"], config["trainer"]["accelerator"])
        last = prefers_channels_last(config)
        self.device = torch.device("cuda" if on_gpu(config["trainer"]["accelerator"]) else "cpu")
        self.dtype = {"bf": torch.bfloat16, "16": torch.float16}.get(precision[:2], torch.float32)
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.net = build(config["model"], num_classes=classes).to(self.device, memory_format=self.layout)
        self.loss = build_loss(config["loss"], num_classes=classes).to(self.device)
        self.optimizer = build(config["optim"]).build(self.net)
        if config["compile"]:
            self.net.compile()
        self.image, self.mask = random_batch(image=image, batch=batch, classes=classes, device=self.device)
        self.image = self.image.contiguous(memory_format=self.layout)
        self.description = f"batch {batch}, {precision}, {'channels_last' if last else 'contiguous'}"

    def describe(self) -> str:
        """Batch, precision and layout."""
        return self.description

    def bits(self) -> str:
        """The name of the dtype in which it computes."""
        return str(self.dtype).removeprefix("torch.")

    def forward(self) -> torch.Tensor:
        """The logits, in 32 bits."""
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            logits: torch.Tensor = self.net(self.image)
        return logits.float()

    def __call__(self) -> None:
        """Forward, loss, backward, update."""
        self.optimizer.zero_grad()
        self.loss(self.forward(), self.mask).backward()
        self.optimizer.step()

    def work(self) -> tuple[int, int]:
        """FLOPs of products and convolutions, forward and backward, and bytes that the update moves.

        AdamW reads weight, gradient and two moments and writes three of them: 7 numbers of 4 bytes.
        """
        with FlopCounterMode(display=False) as counter:
            self()
        learning = sum(p.numel() for p in self.net.parameters() if p.requires_grad)
        return counter.get_total_flops(), 28 * learning


def recipe(net: dict[str, Any]) -> list[str]:
    """FCN-8s, of the bench's width, as the defaults train it on a CPU and as ``trainer=gpu compile=true`` on a GPU."""
    words = ["model=fcn8s", f"model.backbone.width={net['width']}", f"model.backbone.fc_channels={net['fc_channels']}"]
    return [*words, *(["trainer=gpu", "compile=true"] if on_gpu("auto") else ["trainer.accelerator=cpu"])]


def rows(config: dict[str, Any]) -> list[Row]:
    """The training step beside its peers' and below the machine's ceiling."""
    net, gpu = config["net"], on_gpu("auto")
    shape, batches = {"image": net["image"], "classes": net["classes"]}, config["batches"]["gpu" if gpu else "cpu"]
    device = torch.device("cuda" if gpu else "cpu")
    authors = ["optim=sgd_paper", "loss.reduction=sum", "trainer.precision=32-true", "model.backbone.padding=100"]
    given: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "ours": (Step, {"words": recipe(net), "batch": batches["ours"]}),
        "equal": (Step, {"words": [*recipe(net), *authors], "batch": 1}),
        "textbook": (
            textbook,
            {"batch": batches["textbook"], "width": net["width"], "hidden": net["fc_channels"], "device": device},
        ),
        "torchvision": (torchvision_fcn, {"batch": batches["torchvision"], "device": device}),
    }
    if config["pytorch_fcn"]:
        given["pytorch-fcn"] = (pytorch_fcn, {"clone": config["pytorch_fcn"], "batch": 1, "device": device})
    with ExitStack() as stack:
        tasks = {name: stack.enter_context(Alone(build, **shape, **own)) for name, (build, own) in given.items()}
        (flops, moved), ours_is = tasks["ours"].ask("work")[1], tasks["ours"].ask("describe")[1]
        equal_is, bits = tasks["equal"].ask("describe")[1], tasks["ours"].ask("bits")[1]
        seconds = in_turn(tasks, rounds=config["rounds"])
    each = {name: [value / given[name][1]["batch"] for value in values] for name, values in seconds.items()}
    rate, copied = product_rate(device, getattr(torch, bits)), copy_rate(device)
    floor = (flops / rate + moved / copied) / batches["ours"]
    work = f"{flops / batches['ours'] / 1e9:.0f} GFLOP per image"
    ceiling = f"{work}; {rate / 1e9:.0f} GFLOP/s, {copied / 1e9:.1f} GB/s at best"

    def beside(name: str, what: str, goal: str = "", against: str = "ours") -> Row:
        """A peer's row; ours is what it is held against."""
        told = "not given: pytorch_fcn=CLONE, a clone of github.com/wkentaro/pytorch-fcn"
        values = ratios(each[name], each[against]) if name in each else []
        if values:
            mine = ours_is if against == "ours" else f"{equal_is}, padding 100"
            told = f"{shown(each[name])}, batch {given[name][1]['batch']}; ours {shown(each[against])}, {mine}"
        return Row(what, f"{name}'s seconds per image over ours", values, goal, told)

    what = "training step"
    share = [floor / value for value in each["ours"]]
    model = [flops / batches["ours"] / value / rate for value in each["ours"]]
    return [
        beside("pytorch-fcn", what, ">= 5" if gpu else ">= 4"),
        Row(what, "time at the ceiling's rates over ours", share, "" if gpu else ">= 0.85", ceiling),
        *([Row(what, "model FLOP/s over the matrix product's", model, ">= 0.55", ceiling)] if gpu else []),
        beside("pytorch-fcn", f"{what} at equal work", ">= 1", against="equal"),
        beside("textbook", what),
        beside("torchvision", f"{what}; theirs is FCN over ResNet-50 of stride 8"),
    ]
