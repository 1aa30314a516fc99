"""Settings that contradict each other, or that no run can obey, are refused before anything runs."""

from collections.abc import Iterator
from typing import Any

from fcnlab.error import UserError, nearest


def refuse_contradictions(config: dict[str, Any]) -> None:
    """Raise UserError for the first contradiction in the config (plain Python) of a training."""
    for problem in (*unknown(config), *unbounded(config), *unscored(config), *unlearnable(config), *unused(config)):
        raise UserError(problem)


def unknown(config: dict[str, Any]) -> Iterator[str]:
    """Choices that are words, not config files."""
    if config["score"] not in ("best", "last"):
        yield f"score={config['score']} is not known. {nearest(str(config['score']), ('best', 'last'))}"
    for key, known in (("channels_last", ("auto", True, False)), ("compile", (True, False))):
        if config[key] not in known:
            yield f"{key}={config[key]} is not known. {nearest(str(config[key]), [str(k).lower() for k in known])}"


def unbounded(config: dict[str, Any]) -> Iterator[str]:
    """A training must begin, and end somewhere."""
    trainer = config["trainer"]
    if trainer["fast_dev_run"]:
        yield "trainer.fast_dev_run keeps no checkpoint, which every run here needs. Take trainer=smoke."
    for key in ("max_epochs", "max_steps", "limit_train_batches", "limit_test_batches"):
        if trainer[key] == 0:
            yield f"trainer.{key}=0 leaves nothing to {'test' if 'test' in key else 'train on'}. Set 1 or more."
    if (epochs := trainer["max_epochs"]) is not None and (type(epochs) is not int or epochs < -1):
        yield f"epochs={epochs} must be a whole number, 1 or more, or -1 where trainer.max_steps ends the training."
    if trainer["max_epochs"] in (None, -1) and trainer["max_steps"] == -1:
        yield (
            f"Neither epochs ({trainer['max_epochs']}) nor trainer.max_steps ends the training, over which "
            "the schedule of the learning rate is spread. Set one of them."
        )
    if (every := config["checkpoint"]["every_n_steps"]) is not None and every < 1:
        yield f"checkpoint.every_n_steps={every} is no interval. Set 1 or more, or null for after every epoch."


def unscored(config: dict[str, Any]) -> Iterator[str]:
    """What goes by the validation needs one, of images that are not learned from."""
    if config["data"].get("hold_out") is False:
        learned = "data.hold_out=false learns from the validation images. Set data.hold_out=true or"
        if config["score"] == "best":
            yield f"score=best chooses the checkpoint by val/mean_iou, but {learned} score=last."
        if config["early_stopping"]:
            yield f"early_stopping goes by val/mean_iou, but {learned} early_stopping=null."
    trainer, epochs = config["trainer"], config["trainer"]["max_epochs"]
    every, off = trainer["check_val_every_n_epoch"], trainer["limit_val_batches"] == 0
    if off or (every and epochs not in (None, -1) and every > epochs and not trainer["val_check_interval"]):
        reason = "trainer.limit_val_batches=0" if off else f"check_val_every_n_epoch={every} in {epochs} epochs"
        if config["score"] == "best":
            yield f"score=best chooses the checkpoint by val/mean_iou, but {reason} validates never. Set score=last."
        if config["early_stopping"]:
            yield f"early_stopping goes by val/mean_iou, but {reason} validates never. Set early_stopping=null."


def unlearnable(config: dict[str, Any]) -> Iterator[str]:
    """Numbers that no optimiser takes."""
    optim = config["optim"]
    if not optim["lr"] > 0:
        yield f"optim.lr={optim['lr']} must be greater than 0."
    if not optim["weight_decay"] >= 0:
        yield f"optim.weight_decay={optim['weight_decay']} must not be negative."
    if type(config["seed"]) is not int or not 0 <= config["seed"] < 2**32:
        yield f"seed={config['seed']} must be a whole number from 0 to 4294967295."


def unused(config: dict[str, Any]) -> Iterator[str]:
    """Settings that another one makes void."""
    typed = [word for word in config["overrides"] if word.lstrip("+").startswith("model/backbone=")]
    if typed and not config["model"].get("backbone"):
        yield f"{typed[0]} has no use: model={config['model']['name']} has its own. Set model.net, or leave it out."
    if config["weights"] is None and config["weights_input"] != "auto":
        yield f"weights_input={config['weights_input']} tells of weights, but weights=null takes none. Set weights=..."
    for name, logger in (config["logger"] or {}).items():
        if logger and logger.get("offline") and logger.get("log_model"):
            yield (
                f"logger.{name}.log_model sends checkpoints to W&B, but logger.{name}.offline=true sends nothing. Set "
                "one of them false."
            )
