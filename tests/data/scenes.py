"""Made-up photos and masks in the layouts of published data sets, for tests that drive the commands."""

from pathlib import Path

import numpy as np
import PIL.Image

NET = (
    *("logger=none", "trainer=smoke", "trainer.enable_progress_bar=false", "trainer.precision=32-true"),
    *("model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2", "data.complete=false"),
)


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(array).save(path)


def photo(seed: int, height: int = 40, width: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def labels(seed: int, values: list[int], height: int = 40, width: int = 48) -> np.ndarray:
    return np.random.default_rng(1000 + seed).choice(np.array(values), (height, width))
