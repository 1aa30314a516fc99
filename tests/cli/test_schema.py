"""Every key and value of every command is known before anything runs, wherever it comes from."""

import copy
import re
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from fcnlab.cli.compose import compose
from fcnlab.cli.schema import check, faults
from fcnlab.cli.settings import COMMANDS
from fcnlab.error import UserError

# Typed at the door of fcnlab.train.
TYPED = {
    "test=no": "test=no is not true or false. Write test=false.",
    "data=folder data.root=d +data.hold_out=no": "There is no setting 'data.hold_out'",
    "data=camvid data.root=nowhere data.download=no": "data.download=no is not true or false",
    "modle=fcn8s": "There is no setting 'modle'. Did you mean model",
    "data.bach_size=4": "Did you mean data.batch_size",
    "data.radius.x=1": "Hydra makes no config of this",
    "early_stopping.patience=3": "in this config early_stopping is null. Write 'early_stopping={patience: ...}'",
    "data=camvid data.images.train=5": "There is no setting 'data.images'. Did you mean data.image_size",
    "data=folder data.images.train=5": "in this config data.images is images/{name}.*",
    "data.nosuch.deep=5": "There is no setting 'data.nosuch'",
    "~data data.size=5": "There is no setting 'data.size'",
    "seed": "A setting is written KEY=VALUE",
    "trainer.gpus=1": "Write trainer=gpu trainer.devices=N",
    "+trainer.callbacks=[]": "Callbacks are the group callbacks=...",
    "~epochs": "epochs is missing",
    "callbacks=ema +callbacks.x=3": "callbacks.x=3 is not a mapping with a _target_ or null",
    "+optim.optimizer.momentun=0.9 optim=sgd": "Did you mean optim.optimizer.momentum",
    "overrides=[x]": "overrides is filled in by fcnlab",
    "seed=0,1": "add -m to run a job for each",
    "data=folder 'data.root=x ${y}'": "refers to another setting",
    "data=folder 'data.root=x \\${y}'": "a link to it: ln -s OLD NEW",
    "data=folder 'data.root=x \\${seed}'": "a link to it: ln -s OLD NEW",  # else x 0 would be read
}

# Values that a config of fcnlab.train is given, from wherever.
GIVEN = {
    "data.replacement=no": "Write data.replacement=false",
    "model.backbone.batch_norm=off": "Write model.backbone.batch_norm=false",
    "model.learned_upsampling=no": "Write model.learned_upsampling=false",
    "compile=1": "Write compile=true",
    "score={_target_: os.getcwd}": "score={_target_: os.getcwd} is not known. Known: best, last",
    "data.images.train={_target_: os.getcwd}": "data.images.train={_target_: os.getcwd} is not a whole number",
    "channels_last=0": "Write channels_last=false",
    "runs_dir=": "runs_dir= gives no value: is a variable of the shell not set?",
    "weights=": "weights= gives no value",
    "data.name=": "data.name= gives no value",
    "optim.freeze=['']": "is not a list of names",
    "optim.lr_factors={score: -1}": "is not a mapping of numbers, 0 or more, or null",
    "trainer.num_nodes=0": "is not a whole number, 1 or more",
    "trainer.accumulate_grad_batches=0": "is not a whole number, 1 or more",
    "trainer.check_val_every_n_epoch=0": "is not a whole number, 1 or more, or null",
    "trainer.val_check_interval=0": "is not a number above 0 or text or a mapping of whole numbers or null.",
    "trainer.gradient_clip_val=0": "is not a number above 0 or null",
    "data.num_workers=100000": "is not auto or a whole number from 0 to 256",
    "trainer.sync_batchnorm=yes": "trainer.sync_batchnorm=yes is not true or false",
    "optim.lr=abc": "optim.lr=abc is not a number above 0",
    "optim.lr=0": "optim.lr=0 is not a number above 0",
    "optim.lr=inf": "optim.lr=inf is not a number above 0",
    "optim.weight_decay=-1": "is not a number, 0 or more",
    "epochs=many": "epochs=many is not -1, or a whole number, 1 or more",
    "epochs=0": "epochs=0 is not",
    "epochs=1.5": "epochs=1.5 is not",
    "seed=-1": "seed=-1 is not a whole number from 0 to below 4294967296",
    "seed=true": "seed=true is not a whole number",
    "data.count=5": "data.count=5 is not a list of 2 whole numbers",
    "data.images=5": "data.images=5 is not a mapping of train or val or test",
    "+data.images.tset=5": "is not a mapping of train or val or test",
    "data.batch_size=0": "is not a whole number, 1 or more",
    "data.batch_size=null": "data.batch_size=null is not a whole number",
    "data.num_workers=many": "data.num_workers=many is not auto or a whole number from 0 to 256",
    "data.image_size=48": "is not a list of 2 whole numbers, 1 or more, or null",
    "data.image_size=[32]": "is not a list of 2 whole numbers, 1 or more, or null",
    "data.mean=[a]": "is not a list of numbers or null",
    "data.std=[0,0,0]": "is not a list of numbers above 0 or null",
    "data.scale=0": "is not a number above 0",
    "data.name=2024": "Quote it: data.name=\"'2024'\"",
    "model.backbone.width=-1": "is not a number above 0",
    "model.backbone.fc_channels=0": "is not a whole number, 1 or more",
    "model.backbone.dropout=1": "from 0 to below 1",
    "model.backbone=vgg": "is not a mapping with a _target_",
    "score=lst": "score=lst is not known. Did you mean last or best?",
    "channels_last=maybe": "Known: auto, false, true",
    "monitor.mode=up": "Known: max, min",
    "rerun=yes": "Known: all, changed, no",
    "scheduler.warmup=1": "from 0 to below 1",
    "checkpoint.every_n_steps=0": "is not a whole number, 1 or more, or null",
    "trainer.precision=31-true": "trainer.precision=31-true is not known. Did you mean 32-true",
    "trainer.limit_val_batches=true": "is not a number, 0 or more, or null",
    "+modle=fcn8s": "There is no setting 'modle'. Did you mean model",
    "+data.bach_size=4": "for fcnlab.data.shapes.Shapes takes none such. Did you mean data.batch_size",
    "early_stopping={patiense: 2}": "Did you mean early_stopping.patience",
    "data.augment=[{_target_: albumentations.HorizontalFlip, always_apply: true}]": "takes none such",
    "data.augment=[{_target_: albumentations.HorizontalFlipp}]": "Cannot import _target_",
    "+trainer.gpus=1": "Write trainer=gpu trainer.devices=N",
    "+trainer.auto_lr_find=true": "search=recipe",
    "+trainer.resume_from_checkpoint=x": "a run goes on by itself",
    "+trainer.model_registry=x": "a service of Lightning that fcnlab does not ask",
    "+trainer.max_epoch=3": "Did you mean trainer.max_epochs",
    "~trainer.max_time": "trainer.max_time is missing",
}


def split(words: str) -> list[str]:
    """Overrides that are separated by spaces, but not within quotes or braces."""
    found, depth = [""], 0
    for sign in words:
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(sign, 0)
        depth = 1 - depth if sign == "'" else depth
        if sign == " " and not depth:
            found.append("")
        elif sign != "'":
            found[-1] += sign
    return found


@pytest.mark.parametrize("words", TYPED)
def test_what_no_command_knows_is_refused_with_what_would_be_right(words: str, command: Command) -> None:
    outcome = command("train", "logger=none", *split(words))
    assert outcome.code == 1
    assert TYPED[words] in outcome.text
    assert "Traceback" not in outcome.text
    assert not Path("runs").exists()


@pytest.fixture(scope="module")
def base() -> DictConfig:
    return compose("train", ["logger=none"])


@pytest.mark.parametrize("word", GIVEN)
def test_a_value_that_a_setting_does_not_take_is_refused(word: str, base: DictConfig) -> None:
    """Composed once; each value is put where Hydra would put it."""
    config, override = copy.deepcopy(base), OverridesParser.create().parse_override(word)
    if override.is_delete():
        parent, _, key = override.key_or_group.rpartition(".")
        with open_dict(config):
            OmegaConf.select(config, parent).pop(key)
    else:
        OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
    with pytest.raises(UserError, match=re.escape(GIVEN[word])):
        check("train", config)


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("upper_bound", "data=shapes strides=8", "strides=8 is not a list of whole numbers, 1 or more"),
        ("upper_bound", "split=tset", "Did you mean test"),
        ("survey", "images=few", "images=few is not a whole number"),
        ("compare", "runs=[1,2]", "runs=[1,2] is not text or a list of names"),
        ("compare", "runs=x samples=0", "samples=0 is not a whole number, 1 or more"),
        ("bench", "net.widht=1", "Did you mean net.width"),
        ("reproduce", "experiment=shapes variants=fcn8s", "variants=fcn8s is not a list of names or null"),
        ("reproduce", "experiment=shapes test=off", "Write test=false"),
    ],
)
def test_every_command_has_the_schema(name: str, words: str, told: str, command: Command) -> None:
    outcome = command(name, *split(words))
    assert outcome.code == 1
    assert told in outcome.text
    assert "Traceback" not in outcome.text


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_what_a_config_of_ones_own_knows_is_what_a_misspelt_setting_may_mean(command: Command) -> None:
    write("my/data/mine.yaml", "defaults: [folder]\nname: mine\n")
    outcome = command("train", "--config-dir", "my", "data=mine", "data.lables=[0,255]")
    assert "There is no setting 'data.lables'. Did you mean data.labels" in outcome.text


def test_an_experiment_file_without_its_first_line_is_refused(command: Command) -> None:
    write("my/experiment/mine.yaml", "optim:\n  lr: 0.123\n")
    outcome = command("train", "--config-dir", "my", "experiment=mine", "logger=none")
    assert outcome.code == 1
    assert "Begin it with: # @package _global_" in outcome.text
    write("my/experiment/mine.yaml", "# @package _global_\nexperiment: mine\noptim:\n  lr: 0.123\n")
    shown = command("train", "--config-dir", "my", "experiment=mine", "--cfg", "job")
    assert "lr: 0.123" in shown.text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("optim: {lrr: 0.1}", "Did you mean optim.lr"),
        ("optimiser: {lr: 0.1}", "There is no setting 'optimiser'. Did you mean optim"),
        ("test: no_thanks", "test=no_thanks is not true or false"),
        ("data: {batch_size: null}", "data.batch_size=null is not a whole number"),
        ("model: {backbone: {width: '0.25'}}", "model.backbone.width=0.25 is not a number"),
        ("row: {lr: fast}\noptim: {lr: '${row.lr}'}", "optim.lr=fast is not a number"),
    ],
)
def test_files_are_held_against_the_same_schema(line: str, told: str, command: Command) -> None:
    write("my/experiment/mine.yaml", f"# @package _global_\nexperiment: mine\n{line}\n")
    outcome = command("train", "--config-dir=my", "experiment=mine", "logger=none")
    assert outcome.code == 1
    assert told in outcome.text


def test_each_job_of_a_sweep_is_held_against_it_and_none_stops_another(command: Command) -> None:
    outcome = command("train", *TINY, "-m", "test=true,no", "trainer.limit_train_batches=1")
    assert outcome.code == 1
    assert "2 jobs" in outcome.text
    assert "failed: test=no is not true or false" in " ".join(outcome.text.split())
    assert len(list(Path("runs").glob("*/metrics.json"))) == 1


def test_what_is_of_ones_own_is_let_in_and_held_against_its_own_signature(base: DictConfig) -> None:
    unet = {"_target_": "segmentation_models_pytorch.Unet", "encoder_name": "resnet18"}
    own = {
        "loss": {"_target_": "torch.nn.CrossEntropyLoss", "ignore_index": 255},
        "metrics": {"f1": {"_target_": "torchmetrics.F1Score", "task": "multiclass", "num_classes": 8}},
        "callbacks": {"timer": {"_target_": "lightning.pytorch.callbacks.Timer", "duration": "00:01:00:00"}},
        "model": {
            "_target_": "fcnlab.model.foreign.ForeignNet",
            "name": "unet",
            "net": unet | {"encoder_weights": None},
        },
        "trainer": {**base.trainer, "precision": 16},
    }
    config = OmegaConf.create({**OmegaConf.to_container(base), **own})
    assert check("train", config) is config
    config.loss.ignore_indx = 255
    with pytest.raises(UserError, match="torch.nn.CrossEntropyLoss takes none such. Did you mean loss.ignore_index"):
        check("train", config)
    config.model = unet | {"name": "unet"}
    with pytest.raises(UserError, match="Unet takes no name.*is model=foreign model.net="):
        check("train", config)


def test_every_command_takes_the_config_that_it_ships() -> None:
    for name in COMMANDS:  # what the groups hold is composed by the tests of contradictions
        compose(name)


def test_an_empty_name_among_objects_is_refused_as_one_alone() -> None:
    kind, given = list[str | torch.nn.Module], ["", {"_target_": "torch.nn.ReLU"}]
    assert list(faults(given, kind, "layers")) == []
    (told,) = faults(given, kind, "layers", own=True)
    assert told.startswith("layers.0= gives no value")
