"""Metrics beside the paper's: any of torchmetrics', another library's, or one's own, by name."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torchmetrics import Metric, MetricCollection

from fcnlab.cli.compose import build, offer
from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError, kind, raised

CLASSES = ("num_classes", "n_classes")
IGNORED = ("ignore_index", "ignore_label")
PAPER = ("loss", "pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou", "iou")


def build_metrics(config: Mapping[str, Any], *, num_classes: int) -> dict[str, Metric]:
    """The metrics that ``conf/metrics`` describes, by name; they learn the number of classes and the ignore index."""
    named = dict.fromkeys(CLASSES, num_classes) | dict.fromkeys(IGNORED, VOID)
    found: dict[str, Metric] = {}
    for name, node in config.items():
        if node is None:  # taken out: metrics.dice=null
            continue
        if name in PAPER:
            raise UserError(f"metrics.{name}: this is the name of a score that is always there. Choose another name.")
        built = build(offer(node, named))
        parts = {name: built}
        if isinstance(built, MetricCollection):
            parts = {f"{name}/{key}": metric for key, metric in built.items(keep_base=True)}
        for key, metric in parts.items():
            if not isinstance(metric, Metric):
                raise UserError(f"metrics.{key} builds {kind(metric)}. It must be a torchmetrics.Metric.")
        found |= parts
    return found


class ExtraMetrics(nn.Module):
    """Some metrics over one split, fed labels: prediction (N, H, W) and truth (N, H, W).

    A metric that takes no ignore index gets the pixels that are not void, image by image, as (1, pixels): its value
    must not depend on where they lie.

    Args:
        metrics: by name; copied, so that each split counts for itself.
    """

    def __init__(self, metrics: Mapping[str, Metric], *, class_names: Sequence[str]) -> None:
        super().__init__()
        self.names, self.class_names = tuple(metrics), tuple(class_names)
        self.metrics = nn.ModuleList(metric.clone() for metric in metrics.values())

    def each(self) -> list[Metric]:
        """The metrics, in the order of their names."""
        return [metric for metric in self.metrics if isinstance(metric, Metric)]

    def update(self, prediction: torch.Tensor, truth: torch.Tensor) -> None:
        """Add a batch."""
        for name, metric in zip(self.names, self.each(), strict=True):
            given = [(prediction, truth)]
            if not knows_void(metric):
                pairs = ((one, labels, labels != VOID) for one, labels in zip(prediction, truth, strict=True))
                given = [(one[known][None], labels[known][None]) for one, labels, known in pairs if known.any()]
            for pair in given:
                try:
                    metric.update(*pair)
                except Exception as error:  # what another library's metric raises is its own
                    raise UserError(
                        f"metrics.{name} ({type(metric).__name__}) does not take predicted and true labels, both "
                        f"{tuple(pair[0].shape)} whole numbers: {raised(error)}. It is given labels, no "
                        "probabilities. Set its options (input_format: index, task: multiclass), or wrap it in a "
                        "metric of your own."
                    ) from error

    def compute(self) -> dict[str, torch.Tensor]:
        """A number by name; ``<name>/<class>`` or ``<name>/<key>`` for each of several."""
        values: dict[str, torch.Tensor] = {}
        for name, metric in zip(self.names, self.each(), strict=True):
            try:
                result = metric.compute()
            except Exception as error:
                raise UserError(
                    f"metrics.{name} ({type(metric).__name__}) gives no value of the batches that it was given: "
                    f"{raised(error)}. Set its options, or wrap it in a metric of your own."
                ) from error
            if isinstance(result, Mapping):
                values |= {f"{name}/{key}": torch.as_tensor(value) for key, value in result.items()}
                continue
            if not isinstance(result, torch.Tensor | float | int):
                raise UserError(f"metrics.{name} gives a {type(result).__name__}, not one number or one per class.")
            result = torch.as_tensor(result)
            classes = self.class_names[1:] if getattr(metric, "include_background", True) is False else self.class_names
            if result.ndim == 0:
                values[name] = result
            elif result.shape == (len(classes),):
                values |= {f"{name}/{key}": value for key, value in zip(classes, result, strict=True)}
            else:
                raise UserError(
                    f"metrics.{name} gives a tensor {tuple(result.shape)}: neither one number nor one for each of "
                    f"{len(self.class_names)} classes."
                )
        return values

    def reset(self) -> None:
        """Start counting anew."""
        for metric in self.each():
            metric.reset()


def knows_void(metric: nn.Module) -> bool:
    """Whether a metric, or the one that it wraps, was told which label to ignore."""
    told = [getattr(metric, name) for name in IGNORED if hasattr(metric, name)]
    told = told or [VOID for name in IGNORED if name in inspect.signature(type(metric)).parameters]
    return VOID in told or any(knows_void(inner) for inner in metric.children())
