"""The paper's four numbers from counted pixels: what training, evaluation and the bootstrap all compute."""

from typing import Literal

import torch

Absent = Literal["wrong", "left_out"]
KINDS = ("true_positive", "predicted", "true")  # of pixels that are counted by image and class


def paper_scores(
    hit: torch.Tensor, predicted: torch.Tensor, true: torch.Tensor, *, absent: Absent = "wrong"
) -> dict[str, torch.Tensor]:
    """The paper's four numbers (...,) from pixels per class (..., C), in double precision (section 5).

    A class in neither truth nor prediction is left out of the means: 0 / 0 is nan.

    Args:
        absent: what a class is that is predicted but never true; see :class:`SegmentationScores`.
    """
    iou = hit / (true + predicted - hit)
    if absent == "left_out":
        iou = iou.where(true > 0, torch.nan)
    return {
        "pixel_accuracy": hit.sum(-1) / true.sum(-1),
        "mean_accuracy": (hit / true).nanmean(-1),
        "mean_iou": iou.nanmean(-1),
        "frequency_weighted_iou": (true * iou).nansum(-1) / true.sum(-1),
    }
