"""What a stranger brings in Python: a loss, a metric, a callback, a logger, tasks. Nothing here knows the tests."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
import torchmetrics
from lightning.pytorch.loggers import Logger
from torch import nn

from fcnlab.task.segmentation import SegmentationTask


def margin_loss(logits: torch.Tensor, mask: torch.Tensor, ignore_index: int, margin: float = 1.0) -> torch.Tensor:
    """Multi-class hinge over the pixels that are not void."""
    known = mask != ignore_index
    pixels, labels = logits.permute(0, 2, 3, 1)[known], mask[known]
    return nn.functional.multi_margin_loss(pixels, labels, margin=margin)


def overwritten(logits: torch.Tensor, mask: torch.Tensor, ignore_index: int, class_weights: None) -> torch.Tensor:
    """A loss with a bug: what its gradient needs is overwritten."""
    likely = logits.exp()
    loss = (likely * likely).mean()
    likely[:, 0] = 0
    return loss


class Errors(torchmetrics.Metric):
    """The share of wrong pixels. It knows no void: it is given the pixels that count."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("wrong", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("all", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, prediction: torch.Tensor, truth: torch.Tensor) -> None:
        self.wrong += (prediction != truth).sum()
        self.all += truth.numel()

    def compute(self) -> torch.Tensor:
        return self.wrong / self.all


class CountBatches(L.Callback):
    """Counts, and keeps the count in checkpoints."""

    def __init__(self, start: int = 0) -> None:
        self.batches = start

    def on_train_batch_end(self, *_: Any) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, int]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.batches = state_dict["batches"]


class Lines(Logger):
    """Writes every metric as a line of text."""

    def __init__(self, path: str, run_name: str) -> None:
        super().__init__()
        self.path, self.run_name = path, run_name

    @property
    def name(self) -> str:
        return self.run_name

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        pass

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        with Path(self.path).open("a") as file:
            file.writelines(f"{self.run_name} {step} {key} {value}\n" for key, value in metrics.items())


class Pool4Task(SegmentationTask):
    """An auxiliary loss on pool4: a 1x1 convolution scores it, and its loss counts in training."""

    def __init__(self, *, pool4_weight: float = 0.4, **given: Any) -> None:
        super().__init__(**given)
        self.pool4_weight = pool4_weight
        feature = self.net.backbone.features["pool4"]
        self.score_pool4 = nn.Conv2d(feature.channels, len(self.facts["class_names"]), 1)
        self.pool4: torch.Tensor | None = None
        self.net.backbone.register_forward_hook(self.keep)

    def keep(self, _: nn.Module, __: Any, features: dict[str, torch.Tensor]) -> None:
        self.pool4 = features["pool4"]

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        loss = super().training_step(batch, index)
        logits = nn.functional.interpolate(self.score_pool4(self.pool4), size=batch["mask"].shape[-2:])
        auxiliary = self.loss(logits, batch["mask"])
        self.log("train/pool4_loss", auxiliary, on_step=False, on_epoch=True)
        return loss + self.pool4_weight * auxiliary


class Alone(L.LightningModule):
    """Shares nothing: its own net, steps, names and optimiser, and no test."""

    def __init__(self, *, num_classes: int, width: int = 4, lr: float = 0.01) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, num_classes, 1))
        self.lr = lr

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        loss = nn.functional.cross_entropy(self(batch["image"]), batch["mask"], ignore_index=255)
        self.log("train/my_loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        loss = nn.functional.cross_entropy(self(batch["image"]), batch["mask"], ignore_index=255)
        self.log("my_score", -loss, batch_size=len(batch["image"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class AloneTested(Alone):
    """The same with a test and a prediction, but without counts per image."""

    def test_step(self, batch: Any, _: int) -> None:
        right = self(batch["image"]).argmax(1) == batch["mask"]
        self.log("test/right", right[batch["mask"] != 255].float().mean(), batch_size=len(batch["image"]))

    def predict_step(self, batch: Any, _: int) -> torch.Tensor:
        return self(batch["image"]).argmax(1)


class ByHand(Alone):
    """The same with two optimisers, which it calls itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.automatic_optimization = False

    def training_step(self, batch: Any, index: int) -> None:
        loss = super().training_step(batch, index)
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self) -> Any:
        first, *_, last = self.layers
        return torch.optim.SGD(first.parameters(), lr=self.lr), torch.optim.Adam(last.parameters(), lr=self.lr)


class WithAux(nn.Module):
    """A net around another: what it gives is ``out``, and a blurred copy ``aux``."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        out = self.net(image)
        return {"out": out, "aux": nn.functional.avg_pool2d(out, 3, 1, 1)}


def task_with_aux(
    net: nn.Module, loss: nn.Module, facts: dict, config: dict, optim: Any = None, scheduler: Any = None, **more: Any
) -> SegmentationTask:
    """A function instead of a class: it is given what it names."""
    return SegmentationTask(
        net=WithAux(net), loss=loss, facts=facts, config=config, optim=optim, scheduler=scheduler, **more
    )


class Remember(L.Callback):
    """Keeps one tensor of the net after every step, in checkpoints."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        self.seen.append(pl_module.net.score_fr.weight.detach().clone())

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        return {"seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, list[torch.Tensor]]) -> None:
        self.seen = list(state_dict["seen"])


class Quarter(nn.Module):
    """Logits at a quarter of the image's size, and a second output beside."""

    def __init__(self, *, n_classes: int, in_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(in_channels, 6, 4, 4), nn.ReLU(), nn.Conv2d(6, n_classes, 1))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.layers(image)
        return {"out": logits, "aux": 0.5 * logits}


class Uncertain(nn.Module):
    """Cross-entropy over a variance that is learned, and its logarithm (Kendall et al. 2018)."""

    def __init__(self, *, ignore_index: int) -> None:
        super().__init__()
        self.ignore_index, self.log_variance = ignore_index, nn.Parameter(torch.zeros(()))

    def forward(self, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        loss = nn.functional.cross_entropy(logits, mask, ignore_index=self.ignore_index)
        return loss * torch.exp(-self.log_variance) + self.log_variance


class Shrink(L.Callback):
    """Halves what the net has learned, at the end of each epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        with torch.no_grad():
            pl_module.net.score_fr.weight.mul_(0.5)


class Fails(L.Callback):
    """Has a bug."""

    def on_train_batch_end(self, *_: Any) -> None:
        raise RuntimeError("a bug")


class Hoards(L.Callback):
    """Keeps more than plain values."""

    def state_dict(self) -> dict[str, Any]:
        return {"where": Path("here")}


class OwnData(L.LightningDataModule):
    """Data of another kind."""

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self.name = name


class TwoFaced(torch.optim.SGD):
    """Learns with weights that are 0.5 above those that are scored, and knows which it has now."""

    def __init__(self, params: Any, **settings: Any) -> None:
        super().__init__(params, **settings)
        for group in self.param_groups:
            group["learns"] = False

    def shift(self, learns: bool) -> None:
        for group in self.param_groups:
            for weight in group["params"] if group["learns"] != learns else ():
                weight.data += 0.5 if learns else -0.5
            group["learns"] = learns

    def train(self) -> None:
        self.shift(learns=True)

    def eval(self) -> None:
        self.shift(learns=False)

    def step(self, closure: Any = None) -> Any:
        assert all(group["learns"] for group in self.param_groups)
        return super().step(closure)
