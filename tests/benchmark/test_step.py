"""The bare step is the step: what torch does, written out; its work is that of the layers."""

import pytest
import torch

from fcnlab.benchmark import step as module
from fcnlab.benchmark.peers import random_batch
from fcnlab.benchmark.step import Step, recipe, rows
from fcnlab.cli.compose import compose, plain
from fcnlab.model.fcn import ScoreLayer

NET = {"width": 0.05, "fc_channels": 16}
CPU = "trainer.accelerator=cpu"
SHAPE = {"image": [128, 160], "batch": 2, "classes": 5}


def test_a_step_is_forward_loss_backward_and_adamw_written_out() -> None:
    words = [*recipe(NET), CPU, "trainer.precision=32-true", "model.backbone.dropout=0.0", "scheduler.warmup=0.0"]
    ours, by_hand = Step(words, **SHAPE), Step(words, **SHAPE)
    by_hand.net.load_state_dict(ours.net.state_dict())
    image, mask = random_batch(**SHAPE, device=torch.device("cpu"))
    decay, rest = [], []
    for parameter in by_hand.net.parameters():
        (decay if parameter.ndim > 1 else rest).append(parameter)
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-4)
    for _ in range(3):
        ours()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(by_hand.net(image), mask, ignore_index=255).backward()
        optimizer.step()
    for name, parameter in ours.net.named_parameters():
        torch.testing.assert_close(parameter, by_hand.net.get_parameter(name), rtol=1e-4, atol=1e-6)
    assert ours.describe() == "batch 2, 32-true, contiguous"


def test_the_work_of_a_step_is_counted_layer_by_layer() -> None:
    step = Step([*recipe(NET), CPU, "trainer.precision=32-true"], **SHAPE)
    flops, moved = step.work()
    forward = 0

    def count(layer: torch.nn.Conv2d | ScoreLayer, _: object, out: torch.Tensor) -> None:
        nonlocal forward
        forward += 2 * out.numel() * layer.weight[0].numel()

    for layer in step.net.modules():
        if isinstance(layer, torch.nn.Conv2d | ScoreLayer):
            layer.register_forward_hook(count)
    step.forward()
    assert flops == pytest.approx(
        3 * forward, rel=0.1
    )  # backward is twice that; upsampling is little; not for the image
    assert moved == 28 * sum(p.numel() for p in step.net.parameters())


class Told:
    """Instead of a process of its own: what ours would say."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def ask(self, method: str) -> tuple[float, object]:
        return 0.0, {"work": (600e9, 0), "describe": "bf16", "bits": "bfloat16"}[method]

    def __enter__(self) -> "Told":
        return self

    def __exit__(self, *_: object) -> None: ...


def test_ratios_say_how_much_longer_a_peer_takes_per_image(monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds of a step: ours of 4 images, equal of 1, textbook of 4, torchvision of 2, pytorch-fcn of 1.
    seconds = {"ours": [2.0], "equal": [3.0], "textbook": [4.0], "torchvision": [3.0], "pytorch-fcn": [6.0]}
    monkeypatch.setattr(module, "Alone", Told)
    monkeypatch.setattr(module, "on_gpu", lambda _: False)
    monkeypatch.setattr(module, "in_turn", lambda tasks, rounds: {name: seconds[name] for name in tasks})
    monkeypatch.setattr(module, "product_rate", lambda *_: 400e9)
    monkeypatch.setattr(module, "copy_rate", lambda *_: 1.0)
    config = plain(compose("bench", ["pytorch_fcn=somewhere"]))
    values = [(row.measured.partition("'s")[0], row.value) for row in rows(config)]
    ceiling = 600e9 / 400e9 / 2  # s at its rate, over the step's own
    peers = [("pytorch-fcn", 12.0), ("time at the ceiling", ceiling), ("pytorch-fcn", 2.0), ("textbook", 2.0)]
    assert values == [*peers, ("torchvision", 3.0)]
