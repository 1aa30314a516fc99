"""Test-time augmentation gives the mean probability of views that are worked out one by one."""

import pytest
import torch
from conftest import Command, Trained
from torch.nn.functional import interpolate

from fcnlab.error import UserError
from fcnlab.task.segmentation import SegmentationTask
from fcnlab.task.tta import AugmentedNet

QUIET = "trainer.enable_progress_bar=false"


def test_probabilities_are_the_mean_over_mirrored_and_scaled_views() -> None:
    net = torch.nn.Conv2d(3, 4, 3, padding=1)
    image, views = torch.randn(2, 3, 20, 30), []
    for height, width in ((20, 30), (30, 45)):
        seen = image if height == 20 else interpolate(image, (height, width), mode="bilinear", antialias=True)
        for logits in (net(seen), net(seen.flip(-1)).flip(-1)):
            views.append(interpolate(logits, (20, 30), mode="bilinear").softmax(1))
    found = AugmentedNet(net, flip=True, scales=[1, 1.5])(image)
    torch.testing.assert_close(found.softmax(1), sum(views) / 4)
    torch.testing.assert_close(AugmentedNet(net)(image).softmax(1), net(image).softmax(1))
    named = AugmentedNet(torch.nn.Sequential(net, Named()), flip=True, scales=[1, 1.5])(image)
    assert set(named) == {"out", "side"}
    torch.testing.assert_close(named["out"], found)
    torch.testing.assert_close(named["side"], AugmentedNet(Side(net), flip=True, scales=[1, 1.5])(image))


class Named(torch.nn.Module):
    def forward(self, logits: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": logits, "aux": logits, "side": logits[:, 1:]}


class Side(torch.nn.Sequential):
    """The second head alone."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return super().forward(image)[:, 1:]


def test_no_scale_and_what_is_no_scale_are_refused() -> None:
    for settings in ({"scales": []}, {"scales": [0]}, {"flip": "yes"}):
        with pytest.raises(
            UserError, match="AugmentedNet: (scales=.* is not a list of numbers above 0|flip=yes is not true or false)"
        ):
            AugmentedNet(torch.nn.Identity(), **settings)


@pytest.mark.slow
def test_evaluate_scores_the_mean_of_a_mirrored_view(lively: Trained, command: Command) -> None:
    words = ("evaluate", f"checkpoint={lively.checkpoint}", "data.batch_size=7", QUIET)
    plain, mirrored = command(*words), command(*words, "tta={flip: true}")
    assert mirrored.code == 0, mirrored.text
    task = SegmentationTask.load(lively.checkpoint)
    from fcnlab.cli.compose import build

    (batch,) = build(task.config["data"]).loader("test")
    image, mask = batch["image"], batch["mask"]
    with torch.no_grad():
        mean = (task(image).softmax(1) + task(image.flip(-1)).flip(-1).softmax(1)) / 2
    known = mask != 255
    right = (mean.argmax(1) == mask)[known].float().mean().item()
    assert mirrored.value["test/pixel_accuracy"] == pytest.approx(right, abs=1e-5)
    loss = torch.nn.functional.nll_loss(mean.log(), mask, ignore_index=255).item()
    assert mirrored.value["test/loss"] == pytest.approx(loss, rel=1e-4)
    assert mirrored.value["test/loss"] != plain.value["test/loss"]
    assert "There is no setting 'tta.flipp'. Did you mean tta.flip" in command(*words, "tta={flipp: true}").text


def test_predict_takes_views_too(lively: Trained, command: Command) -> None:
    words = ("predict", f"checkpoint={lively.checkpoint}", f"images={lively.folder}/predictions/test_00000_panel.png")
    outcome = command(*words, "output=o", "tta={flip: true, scales: [0.5, 1]}", QUIET)
    assert outcome.code == 0, outcome.text
