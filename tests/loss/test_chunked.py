"""The loss chunk by chunk is torch's cross-entropy of the upsampled logits, which never exist."""

from typing import Any

import pytest
import torch
from conftest import TINY, Command
from torch.utils._python_dispatch import TorchDispatchMode

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError
from fcnlab.loss.chunked import ChunkedCrossEntropy
from fcnlab.loss.cross_entropy import CrossEntropy
from fcnlab.model.fcn import FCN
from fcnlab.task.segmentation import SegmentationTask

MODELS = ["fcn32s", "fcn16s", "fcn8s"]
WEIGHTS = [0.5, 2.0, 1.0, 0.0, 3.0]


def net(model: str, *words: str) -> FCN:
    """A narrow net of five classes; its score layers are not zero."""
    config = compose("train", [f"model={model}", "model.backbone.width=0.05", "model.backbone.fc_channels=16", *words])
    made: FCN = build(config.model, num_classes=5)
    torch.manual_seed(0)
    for name, parameter in made.named_parameters():
        if name.startswith("score_"):
            torch.nn.init.normal_(parameter)
    return made.eval().double()


def truth(height: int, width: int) -> torch.Tensor:
    """Random labels with a void corner, and a void image."""
    mask = torch.randint(0, 5, (3, height, width))
    mask[:, :9, :7] = 255
    mask[2] = 255
    return mask


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("reduction", "weights"), [("mean", None), ("mean", WEIGHTS), ("sum", WEIGHTS)])
@pytest.mark.parametrize("padding", ["same", 100])
def test_loss_labels_and_gradients_are_those_of_the_upsampled_logits(
    model: str, reduction: str, weights: list[float] | None, padding: str | int
) -> None:
    fcn, mask = net(model, f"model.backbone.padding={padding}"), truth(45, 70)
    score = fcn(torch.randn(3, 3, 45, 70, dtype=torch.double), upsampled=False).detach()
    up = fcn.last_upsampling
    plain = CrossEntropy(num_classes=5, reduction=reduction, class_weights=weights).double()
    expected = score.clone().requires_grad_()
    logits = up(expected, start=up.shift, height=45, width=70)
    (theirs,) = plain.terms(logits, mask).values()
    theirs.mean.backward()

    chunks = ChunkedCrossEntropy(num_classes=5, reduction=reduction, class_weights=weights, elements=5 * 70 * 4)
    ours = score.float().requires_grad_()
    terms, labels, _ = chunks.score_map(ours, up, mask)
    terms[""].mean.backward()
    assert terms[""].mean.item() == pytest.approx(theirs.mean.item(), rel=1e-6)
    assert (ours.grad - expected.grad).abs().max() <= 1e-6 * expected.grad.abs().max()
    assert torch.equal(labels, up(score.float(), start=up.shift, height=45, width=70).argmax(1))


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation makes."""

    found = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple) else (made,):
            if isinstance(one, torch.Tensor):
                self.found = max(self.found, one.numel())
        return made


def test_full_resolution_logits_never_exist() -> None:
    fcn, mask = net("fcn8s"), truth(96, 128)
    score = torch.randn(3, 5, 12, 16, requires_grad=True)
    with Largest() as seen:
        loss = ChunkedCrossEntropy(num_classes=5, elements=5 * 128 * 4)
        loss.score_map(score, fcn.last_upsampling, mask).terms[""].total.backward()
    assert seen.found <= mask.numel() < 3 * 5 * 96 * 128


def test_its_numbers_are_those_of_the_scores_precision() -> None:
    fcn, mask = net("fcn8s"), truth(24, 16)
    score = torch.randn(3, 5, 3, 2, dtype=torch.double, requires_grad=True)
    chunks = ChunkedCrossEntropy(num_classes=5, class_weights=WEIGHTS)
    assert torch.autograd.gradcheck(lambda x: chunks.score_map(x, fcn.last_upsampling, mask).terms[""].total, score)
    half = score.detach().bfloat16().requires_grad_()
    chunks.bfloat16().score_map(half, fcn.last_upsampling, mask).terms[""].total.backward()
    assert half.grad.dtype == torch.bfloat16


def test_a_score_that_is_too_small_for_the_mask_is_refused() -> None:
    chunks = ChunkedCrossEntropy(num_classes=5)
    with pytest.raises(UserError, match="padding is too small"):
        chunks.score_map(torch.zeros(3, 5, 2, 2), net("fcn8s").last_upsampling, truth(45, 70))


def task(fcn: FCN) -> SegmentationTask:
    """What trains and validates with chunks."""
    facts = {"class_names": list("abcde"), "palette": [], "mean": [0.0] * 3, "std": [1.0] * 3}
    loss = ChunkedCrossEntropy(num_classes=5, elements=5 * 128 * 4)
    return SegmentationTask(net=fcn.float(), loss=loss, optim=None, facts=facts, config={})


def test_full_resolution_logits_do_not_exist_in_validation_either() -> None:
    ours, mask = task(net("fcn8s", "model.backbone.width=0.02")), truth(96, 128)
    batch = {"image": torch.randn(3, 3, 96, 128), "mask": mask, "name": list("xyz")}
    with torch.no_grad(), Largest() as seen:
        found = ours.validation_step(batch, 0)
    assert seen.found < 3 * 5 * 96 * 128
    assert torch.equal(found["prediction"], ours(batch["image"]).argmax(1))


def test_a_mask_of_another_size_is_scored_at_its_own() -> None:
    ours, mask = task(net("fcn8s")), truth(48, 64)
    batch = {"image": torch.randn(3, 3, 96, 128), "mask": mask, "name": list("xyz")}
    assert ours.validation_step(batch, 0)["prediction"].shape == mask.shape


def test_a_net_without_a_last_upsampling_is_refused() -> None:
    ours = task(net("fcn8s"))
    ours.net = torch.nn.Conv2d(3, 5, 1)
    with pytest.raises(UserError, match="the net is a Conv2d. Set loss=cross_entropy"):
        ours.compare({"image": torch.randn(3, 3, 96, 128), "mask": truth(96, 128), "name": []})


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
def test_a_training_gives_what_the_plain_loss_gives(command: Command, precision: str) -> None:
    found = []
    for loss in ("cross_entropy", "chunked_cross_entropy"):
        outcome = command("train", *TINY, f"loss={loss}", f"trainer.precision={precision}", "model=fcn8s")
        assert outcome.code == 0, outcome.text
        found.append(outcome.value)
    plain, chunks = found
    assert chunks == pytest.approx(plain, rel=1e-3, abs=1e-3)
