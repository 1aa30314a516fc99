"""What is counted over the batches of a split is logged at its end, is that of the whole split, and starts anew."""

import pytest
import torch
from task.test_segmentation import task


def test_loss_over_a_set_does_not_depend_on_its_batches() -> None:
    subject = task().eval()
    torch.nn.init.normal_(subject.net.score_fr.weight)
    images, masks = torch.randn(3, 3, 32, 32), torch.randint(0, 3, (3, 32, 32))
    masks[0, :20] = 255
    for lengths in ([3], [1, 2], [2, 1]):
        for image, mask in zip(images.split(lengths), masks.split(lengths), strict=True):
            subject.score({"image": image, "mask": mask, "name": []}, "val")
        loss, scores = subject.val_loss.compute()["loss"], subject.val_scores.compute()
        torch.testing.assert_close(loss, subject.loss(subject(images), masks))
        right = (subject(images).argmax(1) == masks).sum() / (masks != 255).sum()
        assert scores["pixel_accuracy"].item() == pytest.approx(right.item())
        subject.val_loss.reset(), subject.val_scores.reset()


def test_running_counts_of_the_training_are_part_of_the_state_and_those_of_an_evaluation_are_not() -> None:
    kept = {name for name in task().state_dict() if "scores" in name or "_loss" in name}
    assert kept == {"train_scores.confmat", "train_loss.value_0", "train_loss.weight_0"}


def test_an_epoch_is_logged_under_its_split_and_counting_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, logged = task().eval(), dict[str, float]()
    monkeypatch.setattr(subject, "log_dict", lambda values, **_: logged.update(values))
    monkeypatch.setattr(subject, "log", lambda name, value, **_: logged.update({name: value}))
    batch = {"image": torch.randn(1, 3, 32, 32), "mask": torch.zeros(1, 32, 32, dtype=torch.long), "name": ["a"]}
    subject.validation_step(batch, 0)
    found = subject.test_step(batch, 0)
    subject.on_validation_epoch_end()
    scores = ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou")
    assert set(logged) == {"mean_iou", "val/loss", *(f"val/{name}" for name in scores)}
    assert logged["mean_iou"] == logged["val/mean_iou"]
    logged.clear()
    subject.on_test_epoch_end()
    right = (found["prediction"] == 0).float().mean().item()
    assert logged["test/iou/a"] == pytest.approx(right)
    assert "mean_iou" not in logged
    assert not subject.test_scores.confmat.any()
