"""Every setting of every command with its type, range and choices; a new one of ``conf/<command>.yaml`` is added here.

What stands below a ``_target_`` is not listed: the signature that it names is the schema.
"""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval, Len, MultipleOf

from fcnlab.cli.bench_settings import Bench
from fcnlab.cli.keys import Count, EarlyStoppingKeys, Keys, NamedNode, Node, Nodes, TrainerKeys

Seed = Annotated[int, Interval(ge=0, lt=2**32)]
Tile = Annotated[int, Ge(32), MultipleOf(32)]  # pixels, of the coarsest stride
Split = Literal["train", "val", "test"]


class Monitor(Keys):
    """What rules best.ckpt, early stopping and a search."""

    metric: str
    mode: Literal["max", "min"]


class Checkpoint(Keys):
    """When last.ckpt is saved."""

    every_n_steps: Count | None


class Views(Keys):
    """Test-time augmentation: the views of an image whose probabilities are averaged."""

    optional = ("flip", "scales")
    flip: bool
    scales: Annotated[list[Annotated[float, Gt(0)]], Len(1)]


class Survey(Keys):
    """``fcnlab.survey``."""

    data: NamedNode
    write: str | None
    output: str
    images: Annotated[int, Ge(0)]
    seed: Seed
    trace: bool


class UpperBound(Keys):
    """``fcnlab.upper_bound``."""

    data: NamedNode
    split: Split
    strides: Annotated[list[Count], Len(1)]
    seed: Seed
    trace: bool


class FromCheckpoint(Keys):
    """What ``evaluate``, ``predict`` and ``export`` share."""

    checkpoint: str
    trust: list[str]
    data: NamedNode
    model: NamedNode
    task: Node
    loss: Node
    metrics: Nodes | None
    trainer: TrainerKeys
    seed: Seed
    channels_last: Literal["auto", True, False]
    trace: bool


class Evaluate(FromCheckpoint):
    """``fcnlab.evaluate``."""

    split: Split
    tile: Tile | None
    tta: Views | None
    output: str | None


class Predict(FromCheckpoint):
    """``fcnlab.predict``."""

    images: str
    output: str
    white: Annotated[float, Gt(0)] | None
    page: Annotated[int, Ge(0)] | None
    max_pixels: Count | None
    tile: Literal["auto"] | Tile | None
    tta: Views | None


class Export(FromCheckpoint):
    """``fcnlab.export``."""

    output: str | None
    shapes: Annotated[list[tuple[Count, Count, Count]], Len(1)]
    tolerance: Annotated[float, Gt(0)]


class Written(Keys):
    """What ``compare`` and ``reproduce`` write."""

    runs_dir: str
    output: str
    readme: str | None
    gallery: str | None
    figure: str | None
    images: Annotated[int, Ge(0)]
    samples: Count
    trace: bool


class Compare(Written):
    """``fcnlab.compare``."""

    runs: str | list[str]
    wandb: str | None


class Experiment(Keys):
    """What only experiment files say: free of form, and not needed."""

    by_variant: dict[str, Any]
    by_backbone: dict[str, Any]
    by_input: dict[str, Any]
    row: Any
    backbone_row: Any
    input_row: Any
    seeds: list[Seed]


class Train(Experiment):
    """``fcnlab.train``; what experiment files say besides is not needed."""

    optional = tuple(Experiment.known())
    experiment: str
    seed: Seed
    data: NamedNode
    model: NamedNode
    start: str | None
    ckpt_path: str | None
    weights: str | dict[str, str] | None
    weights_input: Literal["auto", "torchvision", "torchvision_features", "torchvision_googlenet", "caffe", "caffe_fcn"]
    task: Node
    loss: Node
    metrics: Nodes | None
    optim: Node
    scheduler: Node
    epochs: Literal[-1] | Count | None
    trainer: TrainerKeys
    compile: bool
    channels_last: Literal["auto", True, False]
    callbacks: Nodes | None
    monitor: Monitor
    early_stopping: EarlyStoppingKeys | None
    checkpoint: Checkpoint
    score: Literal["best", "last"]
    train: bool
    limit: Count | None
    test: bool
    logger: Nodes | None
    runs_dir: str
    rerun: Literal["no", "changed", "all"]
    overrides: list[str]
    trace: bool


class Reproduce(Train, Written):
    """``fcnlab.reproduce``."""

    variants: list[str] | None
    seeds: list[Seed] | None  # type: ignore[assignment]


COMMANDS: dict[str, type[Keys]] = {
    "train": Train,
    "evaluate": Evaluate,
    "predict": Predict,
    "export": Export,
    "survey": Survey,
    "upper_bound": UpperBound,
    "compare": Compare,
    "reproduce": Reproduce,
    "bench": Bench,
}
