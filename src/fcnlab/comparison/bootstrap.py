"""How sure a difference between two variants is: a paired bootstrap over the test images."""

from typing import NamedTuple

import numpy as np
import torch

from fcnlab.comparison.finished import Counts
from fcnlab.metric.paper import Absent, paper_scores

CHUNK = 1000  # resamples at once: a thousand times as many weights as there are images


class Interval(NamedTuple):
    """A difference of scores and its 95% interval."""

    value: float
    low: float
    high: float


def paired_differences(
    fine: Counts, coarse: Counts, *, samples: int, seed: int = 0, absent: Absent = "wrong"
) -> dict[str, Interval]:
    """Differences ``fine - coarse`` of the paper's four numbers, each with its 95% percentile interval.

    Test images are drawn with replacement, the same draw for both; a score is that of the pixels of all drawn images.
    The interval shows the effect of the choice of test images, not that of the seed.

    Args:
        fine, coarse: pixels (3, images, classes), true positive, predicted and true, of the same images.
        samples: how many times the images are drawn anew.
        absent: what a class is that is predicted but never true; see :class:`SegmentationScores`.
    """
    images = fine.shape[1]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[torch.Tensor]] = {}
    for start in range(0, samples, CHUNK):
        weights = rng.multinomial(images, np.full(images, 1 / images), size=min(CHUNK, samples - start))
        for name, values in difference(fine, coarse, weights, absent).items():
            drawn.setdefault(name, []).append(values)
    once = difference(fine, coarse, np.ones((1, images)), absent)
    intervals = {}
    for name, several in drawn.items():
        low, high = np.nanquantile(torch.cat(several).numpy(), [0.025, 0.975])
        intervals[name] = Interval(once[name].item(), float(low), float(high))
    return intervals


def difference(fine: Counts, coarse: Counts, weights: np.ndarray, absent: Absent) -> dict[str, torch.Tensor]:
    """Differences (samples,) of the four numbers, with each image counted as ``weights`` (samples, images) say."""
    times = torch.from_numpy(weights).double()
    first, second = (
        paper_scores(*(times @ torch.from_numpy(kind).double() for kind in pixels), absent=absent)
        for pixels in (fine, coarse)
    )
    return {name: first[name] - second[name] for name in first}
