"""The four numbers are those of the authors' score.py, written out in numpy, for many counts at once."""

import numpy as np
import pytest
import torch

from fcnlab.metric.paper import paper_scores


def test_the_four_numbers_are_the_formulas_of_the_paper_over_any_leading_shape() -> None:
    pairs = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 4)).astype(float)
    pairs[0, 0, 3] = pairs[0, 0, :, 3] = 0  # a class that is neither in the truth nor predicted
    hit, true, predicted = pairs.diagonal(axis1=-2, axis2=-1), pairs.sum(-1), pairs.sum(-2)
    found = paper_scores(*map(torch.from_numpy, (hit.copy(), predicted, true)))
    assert set(found) == {"pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou"}
    for index in np.ndindex(2, 3):
        kept = [c for c in range(4) if true[index][c] + predicted[index][c] > 0]
        iou = [hit[index][c] / (true[index][c] + predicted[index][c] - hit[index][c]) for c in kept]
        share = true[index][kept] / true[index].sum()
        expected = {
            "pixel_accuracy": hit[index].sum() / true[index].sum(),
            "mean_accuracy": np.mean([hit[index][c] / true[index][c] for c in kept]),
            "mean_iou": np.mean(iou),
            "frequency_weighted_iou": (share * iou).sum(),
        }
        assert {key: value[index].item() for key, value in found.items()} == pytest.approx(expected)
