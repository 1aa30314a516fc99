"""Losses of torch, of a library and one's own: what is logged is what the library gives for the pixels not void."""

from collections.abc import Callable

import pytest
import segmentation_models_pytorch.losses as smp
import torch
from stranger.brought import Bring, bring, refused  # noqa: F401
from torch.nn import functional

Expected = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # logits (pixels, C) and labels (pixels,)


def of_smp(name: str, **settings: float) -> Expected:
    loss = getattr(smp, name)("multiclass", **settings)
    return lambda logits, labels: loss(logits.T[None, :, :, None], labels[None, :, None])


LOSSES: dict[str, Expected] = {
    "smooth": lambda logits, labels: functional.cross_entropy(logits, labels, label_smoothing=0.2),
    "functional": functional.cross_entropy,
    "my_margin": lambda logits, labels: functional.multi_margin_loss(logits, labels, margin=0.5),
    "jaccard": of_smp("JaccardLoss"),
    "dice": of_smp("DiceLoss"),
    "focal": of_smp("FocalLoss"),
    "lovasz": of_smp("LovaszLoss"),
    "tversky": of_smp("TverskyLoss", alpha=0.3, beta=0.7),
    "label_smoothing": lambda logits, labels: functional.cross_entropy(logits, labels, label_smoothing=0.1),
}


def known(logits: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return logits.permute(0, 2, 3, 1)[mask != 255], mask[mask != 255]


FAST = ("smooth", "my_margin", "dice")  # of torch, one's own, of a library


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in LOSSES]
)
def test_a_loss_of_any_library_is_what_that_library_gives_without_void(name: str, bring: Bring) -> None:  # noqa: F811
    run = bring(f"loss={name}")
    logits, mask = run.outputs("val")
    assert logits.std() > 0.01
    assert run.value["val/loss"] == pytest.approx(LOSSES[name](*known(logits, mask)).item(), rel=1e-4)
    assert run.last()["fcnlab"]["config"]["loss"]["_target_"] == run.config()["loss"]["_target_"]


def test_every_part_of_a_sum_is_logged_and_the_sum_is_weighted(bring: Bring) -> None:  # noqa: F811
    run = bring("loss=three")
    logits, labels = known(*run.outputs("val"))
    weights = torch.load(run.best, weights_only=True)["state_dict"]["loss.losses.ce.class_weights"]
    assert len(set(weights.tolist())) > 1  # from the training masks, although it stands within a sum
    parts = {
        "ce": functional.cross_entropy(logits, labels, weight=weights),
        "dice": of_smp("DiceLoss")(logits, labels),
        "margin": functional.multi_margin_loss(logits, labels),
    }
    for name, value in parts.items():
        assert run.value[f"val/loss/{name}"] == pytest.approx(value.item(), rel=1e-4)
        assert f"train/loss/{name}" in run.history[0]
    whole = parts["ce"] + 0.5 * parts["dice"] + parts["margin"]
    assert run.value["val/loss"] == pytest.approx(whole.item(), rel=1e-4)


def test_what_a_loss_has_to_learn_is_learned_and_kept(bring: Bring) -> None:  # noqa: F811
    run = bring("loss=learned")
    log_variance = torch.load(run.best, weights_only=True)["state_dict"]["loss.loss.log_variance"]
    assert abs(log_variance) > 0.01  # two steps of AdamW at a rate of 0.02
    told = functional.cross_entropy(*known(*run.outputs("val"))) * torch.exp(-log_variance) + log_variance
    assert run.value["val/loss"] == pytest.approx(told.item(), rel=1e-4)


@pytest.mark.slow
def test_a_loss_that_would_learn_from_void_or_gives_no_number_is_refused(refused: Callable[..., str]) -> None:  # noqa: F811
    told = refused("loss=functional", "+loss.ignore_index=-100")
    assert "loss=cross_entropy takes no ignore index, but the masks hold void pixels (255)" in told
    assert "reduction=none: a number per pixel" in refused("loss=functional", "+loss.reduction=none")
    assert "but the loss takes the sum" in refused("loss=smooth", "+loss.reduction=sum")
    assert "loss.weights names dise, which is no part of the sum. Did you mean dice?" in refused(
        "loss=weighted_sum", "+loss.weights.dise=1"
    )
