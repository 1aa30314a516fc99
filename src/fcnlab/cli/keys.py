"""Kinds of mappings in a config: listed keys, a node with a ``_target_``, nodes by name, the Trainer's keys."""

import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import yaml
from annotated_types import Ge, Gt

from fcnlab.cli.conf import CONF
from fcnlab.cli.signature import takes

Count = Annotated[int, Ge(1)]


class Keys:
    """A mapping whose keys are the annotations of a subclass.

    Attributes:
        optional: the keys that need not be there.
        instead: what to write instead of a key that is not one.
    """

    optional: ClassVar[Collection[str]] = ()
    instead: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def known(cls) -> Mapping[str, Any]:
        """The keys and their types."""
        hints = typing.get_type_hints(cls, include_extras=True)
        return {key: hint for key, hint in hints.items() if typing.get_origin(hint) is not ClassVar}

    @classmethod
    def needed(cls) -> Sequence[str]:
        """The keys that must be there."""
        return [key for key in cls.known() if key not in cls.optional]


class Node:
    """A mapping with a ``_target_``; what else it may hold is what that takes."""

    needed: ClassVar[Sequence[str]] = ("_target_",)


class NamedNode(Node):
    """The same with the name that run folders and tables use.

    Attributes:
        instead: what to write for a class that takes no name, by key.
    """

    needed = ("_target_", "name")
    instead: ClassVar[Mapping[str, str]] = {
        "model": "A net of another library or of your own is model=foreign model.net={_target_: ...}.",
        "data": "Data sets of torch are data=dataset data.train={_target_: ...}, a LightningDataModule data=dataset "
        "data.module={_target_: ...}; one of your own: see src/fcnlab/data/README.md.",
    }


class Nodes:
    """Nodes by name; null takes one out."""


class TrainerKeys(Keys):
    """The keywords of lightning.Trainer, without those that fcnlab gives."""

    instead: ClassVar[Mapping[str, str]] = {
        "callbacks": "Callbacks are the group callbacks=..., as callbacks=ema; see conf/callbacks.",
        "logger": "Loggers are the group logger=..., as logger=csv; see conf/logger.",
        "plugins": "fcnlab gives its own. A plugin of precision is chosen by trainer.precision=...",
        "use_distributed_sampler": "fcnlab shares out the images itself.",
        "default_root_dir": "Everything is written below runs_dir=...",
        "enable_checkpointing": "Every run keeps its checkpoints; see checkpoint.every_n_steps.",
        "gpus": "Write trainer=gpu trainer.devices=N.",
        "num_gpus": "Write trainer=gpu trainer.devices=N.",
        "tpu_cores": "Write trainer.accelerator=tpu trainer.devices=N.",
        "num_processes": "Write trainer=ddp trainer.devices=N.",
        "distributed_backend": "Write trainer=ddp.",
        "amp_level": "Write trainer.precision=16-mixed or bf16-mixed.",
        "amp_backend": "Write trainer.precision=16-mixed or bf16-mixed.",
        "auto_lr_find": "Search the rate with search=recipe.",
        "auto_scale_batch_size": "Set data.batch_size=...; search=recipe searches it too.",
        "auto_select_gpus": "Write trainer=gpu trainer.devices=N.",
        "resume_from_checkpoint": "Give the same command again: a run goes on by itself. Weights alone: weights=FILE.",
        "weights_summary": "Write trainer.enable_model_summary=true.",
        "progress_bar_refresh_rate": "Write trainer.enable_progress_bar=false or true.",
        "checkpoint_callback": "Every run keeps its checkpoints; see checkpoint.every_n_steps.",
        "stochastic_weight_avg": "Averaging of weights is callbacks=ema.",
        "weights_save_path": "Everything is written below runs_dir=...",
        "replace_sampler_ddp": "fcnlab shares out the images itself.",
        "flush_logs_every_n_steps": "Rows are written as they are logged.",
        "terminate_on_nan": "A loss that is not finite always ends the training.",
        "track_grad_norm": "Write a callback: see conf/callbacks.",
        "model_registry": "It is a service of Lightning that fcnlab does not ask. Weights come by weights=FILE.",
    }
    limits: ClassVar[Mapping[str, Any]] = {  # 0 or more where nothing stands here
        "num_nodes": Ge(1),
        "accumulate_grad_batches": Ge(1),
        "check_val_every_n_epoch": Ge(1),
        "val_check_interval": Gt(0),
        "gradient_clip_val": Gt(0),
        **dict.fromkeys(("max_epochs", "max_steps", "num_sanity_val_steps"), Ge(-1)),  # -1: without end, or all
    }

    @classmethod
    def known(cls) -> Mapping[str, Any]:
        """From Lightning's signature; ``precision`` takes auto too."""
        import lightning

        keys = {k: v for k, v in takes(lightning.Trainer).keywords.items() if k not in cls.instead}
        free = ("fast_dev_run", "devices", "precision")
        ranged = {k: limited(v, cls.limits.get(k, Ge(0))) for k, v in keys.items() if k not in free}
        return keys | ranged | {"precision": keys["precision"] | typing.Literal["auto"]}

    @classmethod
    def needed(cls) -> Sequence[str]:
        """What conf/trainer/default.yaml lists."""
        return tuple(yaml.safe_load((CONF / "trainer" / "default.yaml").read_text()))


def limited(annotation: Any, limit: Ge | Gt) -> Any:
    """A type whose numbers keep to a limit."""
    members = typing.get_args(annotation) or (annotation,)
    if int not in members and float not in members:
        return annotation
    return typing.Union[tuple(Annotated[m, limit] if m in (int, float) else m for m in members)]  # noqa: UP007


class EarlyStoppingKeys(Keys):
    """The keywords of Lightning's EarlyStopping, without those that ``monitor`` gives."""

    instead: ClassVar[Mapping[str, str]] = {"monitor": "Set monitor.metric=...", "mode": "Set monitor.mode=..."}

    @classmethod
    def known(cls) -> Mapping[str, Any]:
        """From Lightning's signature."""
        from lightning.pytorch.callbacks import EarlyStopping

        keys = {k: v for k, v in takes(EarlyStopping).keywords.items() if k not in cls.instead}
        return keys | {"patience": Annotated[int, Ge(0)]}

    @classmethod
    def needed(cls) -> Sequence[str]:
        """None: each has a default."""
        return ()
