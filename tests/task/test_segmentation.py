"""The task scores at the truth's size and learns from what is not void."""

import pytest
import torch

from fcnlab.cli.compose import build, compose, plain
from fcnlab.loss.build import build_loss
from fcnlab.task.segmentation import SegmentationTask


def task(*overrides: str, channels_last: bool = False) -> SegmentationTask:
    config = compose("train", ["model.backbone.width=0.05", "model.backbone.fc_channels=8", *overrides])
    return SegmentationTask(
        net=build(config.model, num_classes=3),
        loss=build_loss(plain(config)["loss"], num_classes=3),
        optim=build(config.optim),
        facts={"class_names": ["a", "b", "c"], "palette": [], "mean": [0] * 3, "std": [1] * 3},
        config=plain(config),
        channels_last=channels_last,
    )


def test_logits_come_at_the_images_size_or_the_truths() -> None:
    image = torch.randn(2, 3, 40, 56)
    assert task()(image).shape == (2, 3, 40, 56)
    assert task()(image, torch.Size([80, 90])).shape == (2, 3, 80, 90)


def test_logits_are_never_rounded_below_32_bits_nor_from_64() -> None:
    image = torch.randn(1, 3, 40, 56)
    assert task().double()(image.double()).dtype == torch.float64
    assert task().bfloat16()(image.bfloat16()).dtype == torch.float32


def test_mixed_precision_upsamples_in_32_bits() -> None:
    subject = task().eval()
    torch.nn.init.normal_(subject.net.score_fr.weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = subject(torch.randn(1, 3, 97, 130))
    assert (logits != logits.bfloat16().float()).float().mean() > 0.5


def test_resizing_logits_is_bilinear() -> None:
    subject = task().eval()
    torch.nn.init.normal_(subject.net.score_fr.weight)
    image = torch.randn(1, 3, 32, 32)
    expected = torch.nn.functional.interpolate(subject(image), size=(64, 48), mode="bilinear", align_corners=False)
    torch.testing.assert_close(subject(image, torch.Size([64, 48])), expected)


def test_memory_order_does_not_change_the_logits() -> None:
    plainly, last = task().eval(), task(channels_last=True).eval()
    last.load_state_dict(plainly.state_dict())
    image = torch.randn(1, 3, 48, 48)
    torch.testing.assert_close(plainly(image), last(image), rtol=1e-4, atol=1e-5)


def test_loss_over_a_set_does_not_depend_on_its_batches() -> None:
    subject = task().eval()
    torch.nn.init.normal_(subject.net.score_fr.weight)
    images, masks = torch.randn(3, 3, 32, 32), torch.randint(0, 3, (3, 32, 32))
    masks[0, :20] = 255
    for lengths in ([3], [1, 2], [2, 1]):
        for image, mask in zip(images.split(lengths), masks.split(lengths), strict=True):
            subject.score(
                {"image": image, "mask": mask, "name": []}, subject.val_scores, subject.val_loss, subject.val_extra
            )
        loss, scores = subject.val_loss.compute()["loss"], subject.val_scores.compute()
        torch.testing.assert_close(loss, subject.loss(subject(images), masks))
        right = (subject(images).argmax(1) == masks).sum() / (masks != 255).sum()
        assert scores["pixel_accuracy"].item() == pytest.approx(right.item())
        subject.val_loss.reset(), subject.val_scores.reset()


def test_running_counts_of_the_training_are_part_of_the_state_and_those_of_an_evaluation_are_not() -> None:
    kept = {name for name in task().state_dict() if "scores" in name or "_loss" in name}
    assert kept == {"train_scores.confmat", "train_loss.value_0", "train_loss.weight_0"}
