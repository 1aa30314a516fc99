"""Settings, each right by itself (see ``schema``), that contradict each other are refused before anything runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from fcnlab.error import UserError

READERS = {  # settings that are read by these of the Trainer alone, each unless it is set to something else
    "epochs": ("max_epochs",),
    "limit": ("limit_train_batches", "limit_val_batches", "limit_test_batches"),
}
SCORES = ("iou", "accuracy")  # so end the names of the paper's four


def refuse_contradictions(config: dict[str, Any]) -> None:
    """Raise UserError for the first contradiction in the config (plain Python) of a training."""
    for problem in (*unbounded(config), *unscored(config), *unused(config)):
        raise UserError(problem)


def is_loss(key: str) -> bool:
    """Whether a logged name is that of a loss or of a part of one; a class may be called loss too."""
    parts = key.split("/")
    return "iou" not in parts and ("loss" in parts or key.endswith("loss"))


def wrong_way(metric: str, mode: str) -> str:
    """What to say where ``mode`` takes the worst of a metric for its best; empty where it does not."""
    lower, higher = is_loss(metric), metric.endswith(SCORES) or "iou" in metric.split("/")
    if (lower and mode == "max") or (higher and mode == "min"):
        right, better = ("min", "lower") if lower else ("max", "higher")
        return f"mode={mode} takes the worst {metric} for the best: the {better} it is, the better. Set mode={right}."
    return ""


def refuse_partial(trainer: Mapping[str, Any], split: str) -> None:
    """Raise UserError where ``trainer`` (keys of conf/trainer) leaves nothing to score or predict, or a part unsaid.

    Args:
        split: ``test`` or ``predict``, as in ``limit_<split>_batches``.
    """
    if trainer["fast_dev_run"]:
        raise UserError(f"trainer.fast_dev_run looks at a few batches. Set trainer.limit_{split}_batches=1 for that.")
    if trainer[f"limit_{split}_batches"] == 0:
        raise UserError(f"trainer.limit_{split}_batches=0 leaves nothing to {split}. Set 1 or more, or null.")


def unbounded(config: dict[str, Any]) -> Iterator[str]:
    """A training must begin, and end somewhere."""
    trainer = config["trainer"]
    if trainer["fast_dev_run"]:
        yield "trainer.fast_dev_run keeps no checkpoint, which every run here needs. Take trainer=smoke."
    for key in ("max_epochs", "max_steps", "limit_train_batches", "limit_test_batches"):
        if trainer[key] == 0 and (config["test"] or key != "limit_test_batches"):
            yield f"trainer.{key}=0 leaves nothing to {'test' if 'test' in key else 'train on'}. Set 1 or more."
    for least, most in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        if -1 != trainer[most] is not None and (trainer.get(least) or 0) > trainer[most]:
            yield f"trainer.{least}={trainer[least]} is more than trainer.{most}={trainer[most]}. Set it lower."
    if trainer["max_epochs"] in (None, -1) and trainer["max_steps"] == -1:
        yield (
            f"Neither epochs ({trainer['max_epochs']}) nor trainer.max_steps ends the training, over which "
            "the schedule of the learning rate is spread. Set one of them."
        )


def unscored(config: dict[str, Any]) -> Iterator[str]:
    """What goes by the validation needs one, of images that are not learned from."""
    if config["data"].get("hold_out") is False:
        learned = "data.hold_out=false learns from the validation images. Set data.hold_out=true or"
        if config["score"] == "best":
            yield f"score=best chooses the checkpoint by val/mean_iou, but {learned} score=last."
        if config["early_stopping"] is not None:
            yield f"early_stopping goes by val/mean_iou, but {learned} early_stopping=null."
    if wrong := wrong_way(config["monitor"]["metric"], config["monitor"]["mode"]):
        yield wrong.replace("mode=", "monitor.mode=")
    trainer, epochs = config["trainer"], config["trainer"]["max_epochs"]
    every, off = trainer["check_val_every_n_epoch"], trainer["limit_val_batches"] == 0
    if off or (every and epochs not in (None, -1) and every > epochs and not trainer["val_check_interval"]):
        reason = "trainer.limit_val_batches=0" if off else f"check_val_every_n_epoch={every} in {epochs} epochs"
        if config["score"] == "best":
            yield f"score=best chooses the checkpoint by val/mean_iou, but {reason} validates never. Set score=last."
        if config["early_stopping"] is not None:
            yield f"early_stopping goes by val/mean_iou, but {reason} validates never. Set early_stopping=null."


def unused(config: dict[str, Any]) -> Iterator[str]:
    """Settings that another one makes void."""
    chosen = [word for word in config["overrides"] if word.lstrip("+").startswith("model/backbone=")]
    if chosen and not config["model"].get("backbone"):
        yield f"{chosen[0]} has no use: model={config['model']['name']} has its own. Set model.net, or leave it out."
    for key in READERS.keys() & {word.lstrip("+").partition("=")[0] for word in config["overrides"]}:
        read = {f"trainer.{name}": config["trainer"][name] for name in READERS[key]}
        if config[key] not in read.values():
            name, value = next(iter(read.items()))
            yield f"{key}={config[key]} has no use: {name}={value}. Set {name}={config[key]}, or leave one of them out."
    filled = any(config[key] for key in ("weights", "ckpt_path", "start"))
    if not (config["train"] or filled) and config["model"].get("backbone"):  # another net may bring weights itself
        yield "train=false scores a net as it begins, whose score layers know nothing. Set weights= or ckpt_path=FILE."
    if config["weights"] is None and config["weights_input"] != "auto":
        yield f"weights_input={config['weights_input']} tells of weights, but weights=null takes none. Set weights=..."
    if (algorithm := config["trainer"]["gradient_clip_algorithm"]) and config["trainer"]["gradient_clip_val"] is None:
        yield (
            f"trainer.gradient_clip_algorithm={algorithm} clips nothing without a limit. Set "
            "trainer.gradient_clip_val=1."
        )
    for name, logger in (config["logger"] or {}).items():
        if logger and logger.get("offline") and logger.get("log_model"):
            yield (
                f"logger.{name}.log_model sends checkpoints to W&B, but logger.{name}.offline=true sends nothing. Set "
                "one of them false."
            )
