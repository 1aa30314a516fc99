"""Many classes at full resolution: ``loss=chunked_cross_entropy`` beside upsampling and loss one after the other."""

import contextlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from fcnlab.benchmark.row import Alone, Row, in_turn, ratios, shown
from fcnlab.cli.compose import compose, plain
from fcnlab.loss.build import build_loss
from fcnlab.loss.chunked import ChunkedCrossEntropy
from fcnlab.metric.segmentation import most_likely
from fcnlab.model.backbone import Feature
from fcnlab.model.upsample import BilinearUpsample
from fcnlab.trainer.allocator import keep_freed_memory
from fcnlab.trainer.precision import on_gpu


class Loss:
    """Upsampling by 8, loss, labels and the gradient, for a random score of FCN-8s."""

    def __init__(self, choice: str, *, side: int, batch: int, classes: int) -> None:
        self.choice = choice
        self.device = torch.device("cuda" if on_gpu("auto") else "cpu")
        if self.device.type == "cpu":
            keep_freed_memory()  # as a training does
        self.loss = build_loss(plain(compose("train", [f"loss={choice}"]))["loss"], num_classes=classes).to(self.device)
        pool3 = Feature(channels=classes, stride=8, offset=3.5)
        self.up = BilinearUpsample(channels=classes, source=pool3, factor=8, target_offset=0.0)
        torch.manual_seed(0)
        self.score = torch.randn(batch, classes, side // 8 + 1, side // 8 + 1).to(self.device).requires_grad_()
        self.mask = torch.randint(0, classes, (batch, side, side)).to(self.device)

    def __call__(self) -> torch.Tensor:
        """The loss; its gradient is in ``score.grad``."""
        self.score.grad = None
        side = self.mask.shape[-1]
        if isinstance(self.loss, ChunkedCrossEntropy):
            (term,) = self.loss.score_map(self.score, self.up, self.mask).terms.values()
        else:
            logits = self.up(self.score, start=self.up.shift, height=side, width=side)
            (term,) = self.loss.terms(logits, self.mask).values()
            most_likely(logits.detach())  # chunks tell the labels too
        loss = term.mean
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def outcome(self) -> tuple[float, Any]:
        """The loss and its gradient (N, C, h, w), a numpy array."""
        loss = self().item()
        assert self.score.grad is not None
        return loss, self.score.grad.cpu().numpy()

    def extra_memory(self) -> int:
        """Bytes that it takes at its peak, beyond what was there before; on CPUs Linux tells them."""
        batch, classes = len(self.mask), self.score.shape[1]
        Loss(self.choice, side=32, batch=batch, classes=classes)()  # what is loaded and set up once
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            self()
            return torch.cuda.max_memory_allocated() - before
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak until now (man 5 proc)
        before = kept("VmRSS")
        self()
        return kept("VmHWM") - before


def kept(what: str) -> int:
    """Bytes of memory that this process has now (VmRSS), or had at most (VmHWM); 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def rows(config: dict[str, Any]) -> list[Row]:
    """Memory, time and equality."""
    setting = config["many_classes"]
    with ExitStack() as stack:
        losses = {}
        for name in ("cross_entropy", "chunked_cross_entropy"):
            losses[name] = stack.enter_context(Alone(Loss, choice=name, **setting))
        memory = [loss.ask("extra_memory")[1] for loss in losses.values()]
        (expected, slope), (got, our_slope) = (loss.ask("outcome")[1] for loss in losses.values())
        seconds = in_turn(losses, rounds=config["rounds"])
    apart = {"loss": abs(got - expected) / expected, "gradients": abs(our_slope - slope).max() / abs(slope).max()}
    what = "upsampling and loss, {classes} classes, {side}x{side}, batch {batch}".format(**setting)
    used = " against ".join(f"{size / 2**20:.0f} MiB" for size in memory)
    took, of = " against ".join(map(shown, seconds.values())), "of the plain loss over that of chunks"
    share = [memory[0] / memory[1]] if min(memory) > 0 else []
    return [
        Row(what, f"peak extra memory {of}", share, ">= 10", used),
        Row(what, f"seconds {of}", ratios(*seconds.values()), ">= 1", took),
        *(Row(what, f"largest relative difference of {k}", [float(v)], "<= 1e-6") for k, v in apart.items()),
    ]
