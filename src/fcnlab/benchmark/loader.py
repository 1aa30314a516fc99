"""The input pipeline beside torchvision's transforms: images from files, augmented, in batches, by one process."""

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import torch
from torch.utils.data import DataLoader, Dataset

from fcnlab.benchmark.row import Row, in_turn, ratios
from fcnlab.benchmark.step import Step, recipe
from fcnlab.callbacks.image_results import now
from fcnlab.cli.compose import build, compose
from fcnlab.data.camvid import CamVid
from fcnlab.data.datamodule import SPLITS
from fcnlab.data.loading import quiet_worker
from fcnlab.trainer.precision import on_gpu

GPU_BATCHES = 20  # of made-up images, where a GPU is kept busy


class Reference(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The same images and the same augmentation, as references/segmentation of torchvision spells it."""

    def __init__(self, data: CamVid, height: int, width: int) -> None:
        from torchvision import tv_tensors
        from torchvision.transforms import v2

        self.pairs = data.pairs("train")
        mean = tuple(round(255 * value) for value in data.mean)
        self.transforms = v2.Compose(
            [
                v2.RandomResize(min_size=round(0.8 * height), max_size=round(1.4 * height)),
                v2.RandomHorizontalFlip(0.5),
                v2.RandomCrop((height, width), pad_if_needed=True, fill={PIL.Image.Image: mean, "others": 255}),
                v2.ToImage(),
                v2.ToDtype(dtype={tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
                v2.Normalize(mean=data.mean, std=data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        from torchvision import tv_tensors

        pair = self.pairs[index]
        image = PIL.Image.open(pair.image).convert("RGB")
        mask = tv_tensors.Mask(torch.from_numpy(np.array(PIL.Image.open(pair.mask))))
        both: tuple[torch.Tensor, torch.Tensor] = self.transforms(image, mask)
        return both


def rows(config: dict[str, Any]) -> list[Row]:
    """Images per second of the training loader, with one process beside this one; on a GPU, how long it would wait."""
    (height, width), gpu, batch = config["net"]["image"], on_gpu("auto"), config["batches"]["gpu"]["ours"]
    with tempfile.TemporaryDirectory() as folder:
        root, count = config["camvid"] or folder, config["loader_images"]
        if not config["camvid"]:
            count = max(count, GPU_BATCHES * batch) if gpu else count
            write_images(Path(folder), count, height, width)
        data = camvid(root, f"data.image_size=[{height},{width}]", "data.num_workers=1")
        ours, size = data.loader("train", training=True), data.batch_size
        reference = Reference(data, height, width)
        theirs = DataLoader(
            *(reference, size, True), num_workers=1, worker_init_fn=quiet_worker, persistent_workers=True
        )
        rates: dict[str, list[float]] = {"ours": [], "torchvision": []}
        loaders = {"ours": ours, "torchvision": theirs}
        for number in range(config["rounds"]):
            for name in sorted(rates, reverse=number % 2 == 1):
                rates[name].append(rate(loaders[name]))
        idle = []
        if gpu:
            words = [f"data.image_size=[{height},{width}]", "data.num_workers=14", f"data.batch_size={batch}"]
            many = camvid(root, *words).loader("train", training=True)
            step = Step(recipe(config["net"]), batch=batch, image=[height, width], classes=11)
            seconds = in_turn({"step": step}, rounds=config["rounds"], warm=3)["step"]
            rate(many)  # starts the workers
            idle = [max(0.0, 1 - rate(many, ahead=0) * each / batch) for each in seconds]
    source = "CamVid" if config["camvid"] else f"{count} made-up PNGs"
    what, told = "input pipeline, one worker", f"{source}, {height}x{width}: scale, flip, crop, normalise"
    both = " against ".join(f"{name} {np.median(values):.0f}" for name, values in rates.items())
    waits = f"{source}, batch {batch}: 1 - images/s of the loader, from a standing start, over those of the step"
    busy = Row("GPU kept busy, 14 workers", "idle share of an epoch", idle, "<= 0.05", waits)
    return [
        Row(what, "images/s over torchvision's", ratios(*rates.values()), ">= 1.4", f"{told}; {both}"),
        Row(what, "images per second and core", rates["ours"], ">= 60", told),
        *([busy] if gpu else []),
    ]


def camvid(root: Path | str, *words: str) -> CamVid:
    """CamVid, or a folder of its layout, with settings as overridden."""
    config = compose("train", ["data=camvid", *words]).data
    config.root = str(root)  # no override: it may hold signs that Hydra would read
    data: CamVid = build(config)
    return data


def rate(loader: Any, ahead: int = 3) -> float:
    """Images per second of a pass, without the first batches: the one that a worker starts with and two read ahead."""
    started, batches, images = now(), iter(loader), 0
    for _ in range(ahead):
        next(batches)
        started = now()
    for batch in batches:
        images += len(batch["image"] if isinstance(batch, dict) else batch[0])
    return images / (now() - started)


def write_images(folder: Path, count: int, height: int, width: int) -> None:
    """A folder of CamVid's layout: smooth colours with a little noise, which PNG packs about as well as photographs."""
    random_numbers = np.random.default_rng(0)
    for split in SPLITS:
        (folder / split).mkdir()
        (folder / f"{split}annot").mkdir()
        lines = []
        for number in range(count if split == "train" else 1):
            small = random_numbers.uniform(0, 255, (height // 24 + 1, width // 24 + 1, 3)).astype(np.float32)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
            image = np.clip(image + random_numbers.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
            mask = cv2.resize(small[..., 0] // 24, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
            names = [f"{split}/{number}.png", f"{split}annot/{number}.png"]
            for name, pixels in zip(names, (image, mask), strict=True):
                PIL.Image.fromarray(pixels).save(folder / name)
            lines.append(" ".join(f"/{name}" for name in names))
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
