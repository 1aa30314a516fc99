"""The four numbers equal numpy's by the paper's formulas, and torchmetrics' Jaccard index."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from fcnlab.metric.segmentation import SegmentationScores, count_by_image, count_pairs, histogram, most_likely

NAMES = ("background", "cat", "dog", "bird")


def scored(*batches: tuple[torch.Tensor, torch.Tensor]) -> dict[str, float]:
    scores = SegmentationScores(class_names=NAMES)
    for prediction, truth in batches:
        scores.update(prediction, truth)
    return {name: value.item() for name, value in scores.compute().items()}


def papers_numbers(prediction: np.ndarray, truth: np.ndarray, classes: int) -> dict[str, float]:
    """Long et al. 2015, section 5, pixel by pixel."""
    n = np.zeros((classes, classes))
    for i, j in zip(truth.ravel(), prediction.ravel(), strict=True):
        if i < classes:
            n[i, j] += 1
    t = n.sum(1)
    with np.errstate(invalid="ignore"):
        iou = np.diag(n) / (t + n.sum(0) - np.diag(n))
        return {
            "pixel_accuracy": np.diag(n).sum() / t.sum(),
            "mean_accuracy": np.nanmean(np.diag(n) / t),
            "mean_iou": np.nanmean(iou),
            "frequency_weighted_iou": np.nansum(t * iou) / t.sum(),
        }


def random_masks(classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    truth = torch.randint(0, classes, (3, 17, 13))
    prediction = torch.where(torch.rand(truth.shape) < 0.6, truth, torch.randint(0, classes, truth.shape))
    truth[torch.rand(truth.shape) < 0.2] = 255
    return prediction, truth


def test_the_four_numbers_are_the_papers_over_the_whole_set() -> None:
    batches = [random_masks(4), random_masks(2)]
    expected = papers_numbers(*(torch.cat([b[i] for b in batches]).numpy() for i in (0, 1)), 4)
    result = scored(*batches)
    assert {name: result[name] for name in expected} == pytest.approx(expected)


def test_iou_agrees_with_torchmetrics_jaccard_index() -> None:
    prediction, truth = random_masks(4)
    jaccard = MulticlassJaccardIndex(num_classes=4, ignore_index=255, average=None)(prediction, truth)
    result = scored((prediction, truth))
    assert [result[f"iou/{name}"] for name in NAMES] == pytest.approx(jaccard.tolist())


def test_void_is_left_out_by_the_truth_only() -> None:
    truth = torch.tensor([[[0, 1, 255, 255]]])
    assert scored((torch.tensor([[[0, 1, 0, 1]]]), truth))["pixel_accuracy"] == 1.0


def test_an_absent_class_is_left_out_but_an_invented_one_counts_zero() -> None:
    truth = torch.tensor([[[0, 0, 1, 1]]])
    result = scored((torch.tensor([[[0, 2, 1, 1]]]), truth))
    assert "iou/bird" not in result
    assert result["iou/dog"] == 0.0
    assert result["mean_iou"] == pytest.approx((0.5 + 1.0 + 0.0) / 3)
    assert result["mean_accuracy"] == pytest.approx((0.5 + 1.0) / 2)


def test_counts_are_kept_image_by_image() -> None:
    prediction, truth = random_masks(4)
    counts, pairs = count_by_image(prediction, truth, 4), np.zeros((4, 4), int)
    for image in range(3):
        known = truth[image] != 255
        expected = np.zeros((4, 4), int)
        np.add.at(expected, (truth[image][known].numpy(), prediction[image][known].numpy()), 1)
        assert (counts[:, image].numpy() == [expected.diagonal(), expected.sum(0), expected.sum(1)]).all()
        pairs += expected
    assert (count_pairs(prediction, truth, 4).numpy() == pairs).all()


def test_the_most_likely_class_is_numpys_argmax_and_of_equal_ones_the_first() -> None:
    logits = torch.randint(-3, 3, (2, 21, 9, 11)).float()  # many are equal
    assert np.array_equal(most_likely(logits).numpy(), logits.numpy().argmax(1))
    every = logits.contiguous(memory_format=torch.channels_last)
    assert np.array_equal(most_likely(every).numpy(), logits.numpy().argmax(1))


def test_counting_without_bincount_is_counting() -> None:
    place = torch.randint(0, 50, (3000,))
    place[place == 7] = 8  # a cell that never occurs
    for by_bincount in (True, False, None):
        assert np.array_equal(histogram(place, 52, by_bincount=by_bincount).numpy(), np.bincount(place, minlength=52))


def test_a_device_without_doubles_scores_all_the_same() -> None:
    """What Apple's GPUs say to ``double``, which holds for everything that is computed there."""
    scores = SegmentationScores(class_names=("a", "b"))
    scores.update(torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]]))
    there = scores.confmat

    class WithoutDoubles(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            if function is torch.Tensor.double or any(one is torch.float64 for one in args):
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
            found = super().__torch_function__(function, types, args, kwargs or {})
            return found.as_subclass(torch.Tensor) if function is torch.Tensor.cpu else found

    scores.confmat = there.as_subclass(WithoutDoubles)
    assert scores.compute()["pixel_accuracy"] == 0.5


def test_a_class_that_is_never_true_is_wrong_or_left_out_of_the_means() -> None:
    """SIFT Flow's test set shows no cow, desert and moon: the paper leaves them out, whatever is predicted."""
    predicted, true = torch.tensor([[[0, 0, 1, 2]]]), torch.tensor([[[0, 0, 1, 1]]])
    for absent, ious in (("wrong", [1, 0.5, 0]), ("left_out", [1, 0.5])):
        scores = SegmentationScores(class_names=("a", "b", "moon", "never"), absent=absent)
        scores.update(predicted, true)
        found = scores.compute()
        assert found["mean_iou"].item() == pytest.approx(sum(ious) / len(ious))
        assert found["mean_accuracy"].item() == pytest.approx(0.75)
        assert ("iou/moon" in found) == (absent == "wrong")
