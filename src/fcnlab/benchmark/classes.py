"""Many classes at full resolution: ``loss=cross_entropy_strips`` beside upsampling and loss one after the other."""

import multiprocessing
import resource
from typing import Any

import torch

from fcnlab.benchmark.row import Row, in_turn, ratios, shown
from fcnlab.compose import build, compose
from fcnlab.model.trunk import Feature
from fcnlab.model.upsample import BilinearUpsample
from fcnlab.strips import StripCrossEntropy
from fcnlab.trainer import on_gpu

Setting = dict[str, int]


class Loss:
    """Upsampling by 8, loss and their gradient, for a random score of FCN-8s."""

    def __init__(self, choice: str, *, side: int, batch: int, classes: int, seed: int = 0) -> None:
        self.device = torch.device("cuda" if on_gpu("auto") else "cpu")
        self.loss = build(compose("train", [f"loss={choice}"]).loss, num_classes=classes).to(self.device)
        pool3 = Feature(channels=classes, stride=8, offset=3.5)
        self.up = BilinearUpsample(channels=classes, source=pool3, factor=8, target_offset=0.0)
        torch.manual_seed(seed)
        self.score = torch.randn(batch, classes, side // 8 + 1, side // 8 + 1).to(self.device).requires_grad_()
        self.mask = torch.randint(0, classes, (batch, side, side)).to(self.device)

    def __call__(self) -> torch.Tensor:
        """The loss; its gradient is in ``score.grad``."""
        self.score.grad = None
        side = self.mask.shape[-1]
        if isinstance(self.loss, StripCrossEntropy):
            total, count, _ = self.loss.parts_of_score(self.score, self.up, self.mask)
        else:
            total, count = self.loss.parts(self.up(self.score, start=self.up.shift, height=side, width=side), self.mask)
        loss: torch.Tensor = total / count
        loss.backward()  # type: ignore[no-untyped-call]
        return loss


def extra_memory(choice: str, setting: Setting) -> int:
    """Bytes that upsampling, loss and gradient take at their peak, beyond what was there before."""
    loss = Loss(choice, **setting)
    if loss.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        loss()
        return torch.cuda.max_memory_allocated() - before
    Loss(choice, side=32, batch=1, classes=2)()  # what is loaded once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def rows(config: dict[str, Any]) -> list[Row]:
    """Memory, equality and time."""
    setting = config["many_classes"]
    names = ("cross_entropy", "cross_entropy_strips")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as fresh:  # a process's peak never falls
        memory = [fresh.apply(extra_memory, (name, setting)) for name in names]
    plain, strips = (Loss(name, **setting) for name in names)
    expected, got = plain(), strips()
    slopes = [loss.score.grad for loss in (plain, strips)]
    assert slopes[0] is not None and slopes[1] is not None
    apart = {
        "loss": abs(got - expected).item() / expected.item(),
        "gradients": ((slopes[1] - slopes[0]).abs().max() / slopes[0].abs().max()).item(),
    }
    seconds = in_turn({"plain": plain, "strips": strips}, rounds=config["rounds"])
    side, batch = setting["side"], setting["batch"]
    what = f"upsampling and loss, {setting['classes']} classes, {side}x{side}, batch {batch}"
    used, took = (
        " against ".join(f"{size / 2**20:.0f} MiB" for size in memory),
        " against ".join(map(shown, seconds.values())),
    )
    of = "of the plain loss over that of strips"
    return [
        Row(what, f"peak extra memory {of}", [memory[0] / max(1, memory[1])], ">= 10", used),
        Row(what, f"seconds {of}", ratios(seconds["plain"], seconds["strips"]), ">= 1", took),
        *(Row(what, f"largest relative difference of {name}", [value], "<= 1e-6") for name, value in apart.items()),
    ]
