"""Settings that contradict each other are refused before anything runs, and the shipped ones do not."""

from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.cli.compose import CONF, compose, plain
from fcnlab.cli.validation import refuse_contradictions, wrong_way

CONTRADICTIONS = {
    "trainer.limit_val_batches=0": "validates never. Set score=last",
    "trainer.check_val_every_n_epoch=2": "check_val_every_n_epoch=2 in 1 epochs validates never",
    "trainer.limit_val_batches=0 score=last early_stopping={patience: 2}": "Set early_stopping=null",
    "trainer.max_epochs=0": "trainer.max_epochs=0 leaves nothing to train on",
    "epochs=-1": "Neither epochs (-1) nor trainer.max_steps ends the training",
    "trainer.limit_test_batches=0": "leaves nothing to test",
    "trainer.fast_dev_run=true": "Take trainer=smoke",
    "weights_input=caffe": "weights=null takes none",
    "logger=wandb +logger.wandb.log_model=true": "Set one of them false",
    "data.augment=[{_target_: albumentations.RandomCrop, height: 99, width: 99}]": "smaller crop",
    "trainer.gradient_clip_algorithm=norm": "clips nothing without a limit",
    "+logger.mine={_target_: json.loads,s: x}": "logger.mine does not begin: JSONDecodeError",
    "monitor.metric=val/loss": "monitor.mode=max takes the worst val/loss for the best: the lower it is, the better",
    "monitor.mode=min": "the higher it is, the better. Set monitor.mode=max",
    "+trainer.min_epochs=16": "trainer.min_epochs=16 is more than trainer.max_epochs=15",
    "epochs=3 trainer.max_epochs=2": "epochs=3 has no use: trainer.max_epochs=2. Set trainer.max_epochs=3",
    "limit=3 trainer=smoke": "limit=3 has no use: trainer.limit_train_batches=2",
    "trainer.strategy=dpp": "The Trainer refuses",
    "trainer.accelerator=npu": "The Trainer refuses",
    "trainer.max_steps=-2": "trainer.max_steps=-2 is not a whole number, -1 or more",
    "train=false": "score layers know nothing. Set weights= or ckpt_path=FILE",
    "callbacks=[ema,swa]": "callbacks ema and swa both put their average in",
}


@pytest.mark.parametrize("words", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_hint(words: str, command: Command) -> None:
    typed = words.replace(": ", ":").split(" ") if "augment" not in words else [words]
    outcome = command("train", *[word for word in TINY if word.split("=")[0] not in words.split("=")[0]], *typed)
    assert outcome.code == 1
    assert CONTRADICTIONS[words] in outcome.text
    assert "Traceback" not in outcome.text


NEEDS = dict.fromkeys(("folder", "coco", "yolo", "labelme", "huggingface"), ("data.root=x",))  # what has no default
NEEDS |= {
    "dataset": ("data.classes=[ground,leaf]",),
    "foreign": ("model.net={_target_: torch.nn.Conv2d, kernel_size: 1}",),
}


@pytest.mark.parametrize(
    "group",
    ["trainer", "experiment", "optim", "logger", "data", "model", "model/backbone", "scheduler", "callbacks", "loss"],
)
def test_every_shipped_choice_is_free_of_contradictions(group: str) -> None:
    for path in Path(CONF / group).glob("*.yaml"):
        refuse_contradictions(plain(compose("train", [f"{group}={path.stem}", *NEEDS.get(path.stem, ())])))


def test_a_number_that_is_given_twice_is_no_contradiction() -> None:
    for words in (["epochs=1", "trainer=smoke"], ["limit=3", "trainer.limit_test_batches=1"], ["trainer.max_epochs=2"]):
        refuse_contradictions(plain(compose("train", words)))


@pytest.mark.parametrize("words", [["score=best"], ["score=last", "early_stopping={patience: 2}"]])
def test_images_that_are_learnt_from_choose_no_checkpoint_and_no_end(words: list[str], command: Command) -> None:
    outcome = command("train", "logger=none", "data=voc", "data.hold_out=false", *words)
    assert outcome.code == 1
    assert "data.hold_out=false learns from the validation images. Set data.hold_out=true or" in outcome.text


def test_a_mode_is_held_against_what_is_known_to_be_better_low_or_high() -> None:
    for metric in ("val/loss", "val/loss/dice", "val/geometric/loss", "val/my_loss"):
        assert wrong_way(metric, "max")
        assert not wrong_way(metric, "min")
    for metric in ("val/mean_iou", "val/iou/loss", "val/geometric/mean_accuracy"):
        assert wrong_way(metric, "min")
        assert not wrong_way(metric, "max")
    assert not wrong_way("val/errors", "min") + wrong_way("val/errors", "max") + wrong_way("", "")
