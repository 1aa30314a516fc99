"""Photos: a person's own images, one by one, seen by the net as in training."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fcnlab.data.photos import Photos, find_photos
from fcnlab.data.transforms import Pipeline
from fcnlab.error import UserError


def save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.full((6, 8, 3), 255, np.uint8)).save(path)
    return path


def test_folders_of_images_within_are_told_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("b", "a", ".hidden"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "x.JPG")
    (tmp_path / "notes").mkdir()
    first = save(tmp_path / "z.png")
    assert find_photos(str(tmp_path)) == [first]
    assert "has folders of images too, which are left alone: a, b." in " ".join(capsys.readouterr().out.split())


def test_a_file_or_a_folder_of_images_is_found(tmp_path: Path) -> None:
    first, second = save(tmp_path / "나무 🌳.jpg"), save(tmp_path / "z.png")
    (tmp_path / "notes.txt").write_text("no image")
    assert find_photos(str(tmp_path)) == sorted([first, second])
    assert find_photos(str(second)) == [second]
    assert find_photos(str(tmp_path / "*.png")) == [path for path in (first, second) if path.suffix == ".png"] != []
    odd = save(tmp_path / "[old] *" / "y.png")
    assert find_photos(str(odd.parent)) == [odd]


def test_nothing_to_segment_and_clashing_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No images at images="):
        find_photos(str(tmp_path / "nowhere"))
    save(tmp_path / "a.png"), save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="has a twice"):
        find_photos(str(tmp_path))


def test_the_net_sees_the_size_of_training_and_the_photo_is_kept(tmp_path: Path) -> None:
    pipeline = Pipeline(image_size=(3, 4), mean=[0.5] * 3, std=[0.5] * 3)
    item = Photos([save(tmp_path / "a.png")], pipeline)[0]
    assert item["image"].shape == (1, 3, 3, 4)
    assert item["photo"].shape == (6, 8, 3)
    assert item["image"].min() == 1.0
