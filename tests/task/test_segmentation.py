"""The task gives logits and labels at the size that is asked for, in enough bits, of the heads that are labelled."""

import numpy as np
import torch

from fcnlab.cli.compose import build, compose, plain
from fcnlab.loss.build import build_loss
from fcnlab.task.build import see_otherwise
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


class Further(torch.nn.Module):
    """A net of another library with an output that nobody labelled."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 1)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.layer(image)
        return {"out": logits, "depth": logits[:, :1]}


def test_an_output_that_no_mask_has_is_not_labelled_in_tiles_or_whole() -> None:
    subject, image = task().eval(), np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    subject.net = Further()
    whole = subject.label_all(image)
    assert set(whole) == {"out"}
    see_otherwise(subject, tile=32, tta=None)
    tiled = subject.label_all(image)
    assert set(tiled) == {"out"}
    assert (tiled["out"] == whole["out"]).mean() > 0.99
