"""Metrics of others: each is fed what it understands, and gives numbers by name."""

import pytest
import torch
import torchmetrics
from torchmetrics.segmentation import MeanIoU
from torchmetrics.wrappers import ClasswiseWrapper

from fcnlab.error import UserError
from fcnlab.metric.extra import ExtraMetrics, build_metrics, knows_void

NAMES = ("a", "b", "c")
JACCARD = {"_target_": "torchmetrics.JaccardIndex", "task": "multiclass"}


class Seen(torchmetrics.Metric):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("shapes", [], dist_reduce_fx=None)

    def update(self, prediction: torch.Tensor, truth: torch.Tensor) -> None:
        assert prediction.shape == truth.shape
        self.shapes.append(torch.tensor(truth.shape))
        assert (truth != 255).all()

    def compute(self) -> float:
        return float(len(self.shapes))


def scored(metrics: dict[str, torchmetrics.Metric], truth: torch.Tensor) -> dict[str, float]:
    extra = ExtraMetrics(metrics, class_names=NAMES)
    extra.update(torch.zeros_like(truth), truth)
    return {name: value.item() for name, value in extra.compute().items()}


def test_a_value_for_each_class_but_the_first_has_their_names() -> None:
    found = scored(
        {"dice": MeanIoU(3, include_background=False, per_class=True, input_format="index")},
        torch.tensor([[[0, 1], [1, 2]]]),
    )
    assert list(found) == ["dice/b", "dice/c"]


def test_a_metric_without_an_ignore_index_gets_the_pixels_that_count_image_by_image() -> None:
    truth = torch.tensor([[[0, 255, 1]], [[255, 255, 255]], [[2, 1, 0]]])
    extra = ExtraMetrics({"seen": Seen()}, class_names=NAMES)
    extra.update(torch.zeros_like(truth), truth)
    assert [shape.tolist() for shape in extra.each()[0].shapes] == [[1, 2], [1, 3]]
    assert extra.compute()["seen"].item() == 2  # a plain number is one too


def test_several_values_have_the_names_of_classes_or_their_own() -> None:
    truth = torch.tensor([[[0, 0, 1, 255]]])
    built = build_metrics({"j": JACCARD | {"average": "none"}, "one": JACCARD | {"average": "micro"}}, num_classes=3)
    wrapped = {"w": ClasswiseWrapper(torchmetrics.classification.MulticlassAccuracy(3, average=None, ignore_index=255))}
    found = scored(built | wrapped, truth)
    assert found["j/a"] == pytest.approx(2 / 3)
    assert found["one"] == pytest.approx(2 / 4)
    assert found["w/multiclassaccuracy_0"] == 1


def test_who_knows_void_is_told_by_what_it_was_given() -> None:
    (told,) = build_metrics({"j": JACCARD}, num_classes=3).values()
    assert knows_void(told)
    (other,) = build_metrics({"j": JACCARD | {"ignore_index": 0}}, num_classes=3).values()
    assert not knows_void(other)  # it leaves out the background and would count void
    assert not knows_void(Seen())
    assert scored({"j": other}, torch.tensor([[[0, 1, 255]]]))["j"] == 0


def test_splits_count_each_for_itself() -> None:
    metric = Seen()
    first, second = (ExtraMetrics({"seen": metric}, class_names=NAMES) for _ in range(2))
    first.update(torch.zeros(1, 1, 1).long(), torch.zeros(1, 1, 1).long())
    assert len(second.each()[0].shapes) == 0


def test_a_value_that_is_neither_one_nor_one_for_each_class_is_refused() -> None:
    matrix = torchmetrics.classification.MulticlassConfusionMatrix(3, ignore_index=255)
    with pytest.raises(UserError, match=r"gives a tensor \(3, 3\)"):
        scored({"m": matrix}, torch.tensor([[[0, 1]]]))


def test_a_metric_can_be_taken_out() -> None:
    assert build_metrics({"j": None}, num_classes=3) == {}


def test_a_collection_gives_each_of_its_metrics_and_what_does_not_take_labels_is_told() -> None:
    accuracy = {"_target_": "torchmetrics.Accuracy", "task": "multiclass"}
    both = {"_target_": "torchmetrics.MetricCollection", "metrics": {"jaccard": JACCARD, "right": accuracy}}
    found = build_metrics({"both": both}, num_classes=3)
    assert set(scored(found, torch.tensor([[[0, 1, 255]]]))) == {"both/jaccard", "both/right"}
    auroc = build_metrics({"auroc": {"_target_": "torchmetrics.AUROC", "task": "multiclass"}}, num_classes=3)
    with pytest.raises(UserError, match=r"metrics.auroc \(MulticlassAUROC\) does not take .*labels, both \(1, 1, 3\)"):
        scored(auroc, torch.tensor([[[0, 1, 255]]]))


class Text(Seen):
    """Gives no number."""

    def compute(self) -> str:
        return "good"


def test_what_is_no_number_is_told() -> None:
    with pytest.raises(UserError, match="metrics.text gives a str"):
        scored({"text": Text()}, torch.tensor([[[0, 1]]]))
