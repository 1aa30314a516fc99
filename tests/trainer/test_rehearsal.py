"""What only the built data and net can tell is told before the training, and the rehearsal leaves no trace."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, Command
from omegaconf import OmegaConf

from fcnlab.cli.compose import compose, plain
from fcnlab.train import make_task, prepare_data
from fcnlab.trainer.build import build_trainer
from fcnlab.trainer.rehearsal import rehearse

REFUSED = {
    "trainer.val_check_interval=100": "is longer than an epoch, which has 2 training batches",
    "trainer.val_check_interval=100 trainer.limit_train_batches=1": "which has 1 training batches",
    "trainer.val_check_interval=9 trainer.check_val_every_n_epoch=null": "longer than the whole training of 2 batches",
    "trainer.overfit_batches=0.001": "leaves none of the 2 batches of train",
    "trainer.limit_train_batches=0.3": "leaves none of the 2 batches of train",
    "trainer.limit_val_batches=0.01": "leaves none of the 1 batches of val",
    "trainer.limit_test_batches=0.01": "leaves none of the 1 batches of test",
    "model.backbone.in_channels=1": "The images have 3 channels, but the net takes 1",
    "model.backbone.in_channels=4": "The images have 3 channels, but the net takes 4",
    "model.backbone.padding=10000000000": "The net fails on a batch of 2 images of 3 channels, 64x64",
    "data.size=10000000": "There is not enough memory: Unable to allocate",
    "data.image_size=[100000000,100000000]": "There is not enough memory: OpenCV",
    "trainer.devices=x": "The Trainer refuses trainer=...: `devices`",
    "trainer.val_check_interval={a:1}": "The Trainer refuses trainer=...: ",
    "trainer.accelerator=tpu": "The Trainer refuses trainer=...: Requirement",
    "trainer.max_time={seconds:-5}": "is no time. Write days, hours",
    "trainer.max_time={}": "is no time. Write days, hours",
    "data.mean=[]": "data.mean=[] must be 3 numbers",
    "data.size=32 data.batch_size=1": "Set data.batch_size=2 or more, take larger images, or a backbone without batch",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_a_training_would_end_with_later_is_told_before_it(words: str, command: Command) -> None:
    keys = [word.split("=")[0] for word in words.split()]
    outcome = command("train", *[word for word in TINY if word.split("=")[0] not in keys], *words.split())
    assert outcome.code == 1
    assert REFUSED[words] in outcome.text
    assert "Traceback" not in outcome.text
    assert not list(Path("runs").glob("*/history.csv"))


def test_batch_norm_over_one_value_per_channel_is_told_over_a_resnet_too(command: Command) -> None:
    words = [w for w in TINY if not w.startswith(("model.backbone", "data.size"))]
    outcome = command("train", *words, "data.size=32", "data.batch_size=1", "model/backbone=resnet18")
    assert "Batch norm gets one value per channel from a batch of 1 image of 32x32" in outcome.text


def rehearsed(*words: str) -> torch.nn.Module:
    config = plain(compose("train", [*TINY, *words]))
    data, _ = prepare_data(config)
    task = make_task(config, data)
    trainer = build_trainer(config["trainer"], logger=False)
    task.eval()
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    rehearse(task, data, trainer, config)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == states[1:]
    for name, tensor in task.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not any(module.training for module in task.modules())
    return task


def test_it_changes_neither_weights_nor_running_means_nor_random_numbers() -> None:
    task = rehearsed()
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in task.modules())


def test_a_net_that_torch_cannot_run_without_pixels_is_run_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.model.vgg import VGG16

    forward = VGG16.forward

    def looking(self: VGG16, image: torch.Tensor) -> dict[str, torch.Tensor]:
        assert image.mean().item() < 1e9  # meta has no pixels
        return forward(self, image)

    monkeypatch.setattr(VGG16, "forward", looking)
    rehearsed()


def test_a_net_of_full_width_is_rehearsed_without_being_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["model.backbone.width=1", "model.backbone.fc_channels=64", "data.size=512"]
    seen = []
    convolve = torch.nn.functional.conv2d

    def watched(x: torch.Tensor, *arguments: object, **more: object) -> torch.Tensor:
        if x.shape[-1] == 512:  # the image; a backbone may be measured on a small one when it is built
            seen.append(x.device.type)
        return convolve(x, *arguments, **more)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    rehearsed(*words)
    assert set(seen) == {"meta"}


@pytest.mark.parametrize("precision", ["32", "64", "bf16"])
def test_a_precision_is_taken_as_lightning_takes_it(precision: str) -> None:
    config = plain(compose("train", [f"trainer.precision={precision}", "trainer.accelerator=cpu"]))
    known = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
    assert build_trainer(config["trainer"], logger=False).precision == known[precision]
    assert OmegaConf.create(config).trainer.precision in (32, 64, "bf16")


def test_16_bits_on_a_cpu_are_refused_by_the_word_that_was_given(command: Command) -> None:
    words = [word for word in TINY if "precision" not in word]
    outcome = command("train", *words, "trainer.precision=16", "trainer.accelerator=cpu")
    assert "trainer.precision=16 needs a GPU" in outcome.text


def test_a_net_that_keeps_what_it_made_for_a_size_keeps_nothing_of_the_rehearsal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fcnlab.model.vgg import VGG16

    forward = VGG16.forward

    def keeping(self: VGG16, image: torch.Tensor) -> dict[str, torch.Tensor]:
        self.last = image.shape
        self.table = self.by_size.setdefault(image.shape, torch.ones(1, device=image.device))
        self.seen.append(image)
        return forward(self, image + self.table)

    monkeypatch.setattr(VGG16, "by_size", {}, raising=False)
    monkeypatch.setattr(VGG16, "seen", [], raising=False)
    begin = VGG16.__init__

    def begun(self: VGG16, **settings: object) -> None:
        begin(self, **settings)
        self.by_size, self.seen, self.table = {}, [], None

    monkeypatch.setattr(VGG16, "__init__", begun)
    monkeypatch.setattr(VGG16, "forward", keeping)
    backbone = rehearsed().net.backbone
    assert (backbone.by_size, backbone.seen, backbone.table, hasattr(backbone, "last")) == ({}, [], None, False)


def test_what_a_net_of_another_library_is_told_to_lack_is_told_once(command: Command) -> None:
    words = [w for w in TINY if not w.startswith("model.backbone")]
    outcome = command("train", *words, "model=foreign", "model.net={_target_: torchvision.models.resnet18}")
    assert "error: model=foreign gives (2, 1000), not logits" in outcome.text
    assert "The net fails on a batch" not in outcome.text
