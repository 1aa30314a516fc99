"""The settings of ``fcnlab.bench`` with their types and ranges."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Len

from fcnlab.cli.keys import Count, Keys


class BenchNet(Keys):
    """The net of ``fcnlab.bench``."""

    image: tuple[Count, Count]
    classes: Annotated[int, Interval(ge=1, le=255)]
    width: Annotated[float, Gt(0)]
    fc_channels: Count


class BenchBatches(Keys):
    """Images per step of ours and of those beside ours."""

    ours: Count
    textbook: Count
    torchvision: Count


class BenchDevices(Keys):
    """The same by device."""

    cpu: BenchBatches
    gpu: BenchBatches


class BenchSweep(Keys):
    """The sweep of ``fcnlab.bench``."""

    jobs: Count
    images: Count


class BenchClasses(Keys):
    """Many classes."""

    classes: Annotated[int, Interval(ge=1, le=255)]
    side: Count
    batch: Count


class BenchGrowth(Keys):
    """Over what time and memory are seen to grow."""

    side: Annotated[list[Count], Len(2)]
    batch: Annotated[list[Count], Len(2)]
    classes: Annotated[list[Count], Len(2)]


class Bench(Keys):
    """``fcnlab.bench``."""

    sections: Annotated[
        list[Literal["launch", "startup", "loader", "step", "loop", "classes", "growth", "backbones"]], Len(1)
    ]
    pytorch_fcn: str | None
    camvid: str | None
    output: str
    readme: str | None
    rounds: Count
    net: BenchNet
    batches: BenchDevices
    loop_batches: Annotated[int, Ge(4)]
    loader_images: Annotated[int, Ge(16)]
    startup_pairs: Annotated[int, Ge(100)]
    sweep: BenchSweep
    many_classes: BenchClasses
    growth: BenchGrowth
    trace: bool
