"""Settings that contradict each other are refused before anything runs, and the shipped ones do not."""

from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.cli.compose import CONF, compose, plain
from fcnlab.cli.validation import refuse_contradictions

CONTRADICTIONS = {
    "score=lst": "Did you mean last or best?",
    "channels_last=maybe": "channels_last=maybe is not known",
    "trainer.limit_val_batches=0": "validates never. Set score=last",
    "trainer.check_val_every_n_epoch=2": "check_val_every_n_epoch=2 in 1 epochs validates never",
    "trainer.limit_val_batches=0 score=last early_stopping={patience: 2}": "Set early_stopping=null",
    "+data.hold_out=false": "learns from the validation images. Set data.hold_out=true or score=last",
    "+data.hold_out=false score=last early_stopping={patience: 2}": "data.hold_out=true or early_stopping=null",
    "early_stopping={patiense: 2}": "Known: min_delta, patience",
    "epochs=0": "trainer.max_epochs=0 leaves nothing to train on",
    "epochs=1.5": "epochs=1.5 must be a whole number, 1 or more",
    "epochs=-2": "epochs=-2 must be a whole number, 1 or more",
    "seed=true": "seed=True must be a whole number",
    "epochs=-1": "Neither epochs (-1) nor trainer.max_steps ends the training",
    "trainer.limit_test_batches=0": "leaves nothing to test",
    "trainer.fast_dev_run=true": "Take trainer=smoke",
    "checkpoint.every_n_steps=0": "is no interval",
    "optim.lr=0": "optim.lr=0 must be greater than 0",
    "optim.weight_decay=-1": "must not be negative",
    "scheduler.warmup=1": "from 0 to below 1",
    "seed=-1": "a whole number from 0",
    "weights_input=caffe": "weights=null takes none",
    "logger=wandb +logger.wandb.log_model=true": "Set one of them false",
    "data.batch_size=0": "a whole number, 1 or more",
    "data.num_workers=many": "neither auto nor a whole number",
    "data.image_size=48": "must be null or [height, width]",
    "data.mean=[0.5]": "data.mean=[0.5] must be three numbers",
    "data.std=[0,0,0]": "must be three numbers above 0",
    "data.scale=0": "must be a number above 0: the value of white",
    "data.image_size=[32]": "must be null or [height, width]",
    "data.augment=[{_target_: albumentations.RandomCrop, height: 99, width: 99}]": "smaller crop",
    "trainer.precision=31-true": "The Trainer refuses",
    "trainer.strategy=dpp": "The Trainer refuses",
    "trainer.accelerator=npu": "The Trainer refuses",
}


@pytest.mark.parametrize("words", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_hint(words: str, command: Command) -> None:
    typed = words.replace(": ", ":").split(" ") if "augment" not in words else [words]
    outcome = command("train", *[word for word in TINY if word.split("=")[0] not in words.split("=")[0]], *typed)
    assert outcome.code == 1
    assert CONTRADICTIONS[words] in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("group", ["trainer", "experiment", "optim", "logger"])
def test_every_shipped_choice_is_free_of_contradictions(group: str) -> None:
    for path in Path(CONF / group).glob("*.yaml"):
        refuse_contradictions(plain(compose("train", [f"{group}={path.stem}"])))
