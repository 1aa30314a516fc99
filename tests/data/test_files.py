"""Files are read as they are, and every fault is told with its file, the rule and the hint."""

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest

from fcnlab.data.files import read_image, read_mask, without_suffix
from fcnlab.data.sharing import split_by_hash
from fcnlab.error import UserError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_any_kind_of_image_becomes_rgb(tmp_path: Path, mode: str) -> None:
    PIL.Image.fromarray(GREY).convert(mode).save(tmp_path / "image.png")
    assert read_image(tmp_path / "image.png").shape == (3, 4, 3)


def test_an_image_is_turned_as_its_exif_tag_says(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(GREY)
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    picture.save(tmp_path / "image.png", exif=exif)
    assert (read_image(tmp_path / "image.png")[..., 0] == np.rot90(GREY, -1)).all()


@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_keep_their_labels(tmp_path: Path, mode: str) -> None:
    picture = PIL.Image.fromarray(GREY)
    if mode == "P":
        picture.putpalette(list(range(256)) * 3)
    picture.save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png") == GREY).all()


def test_a_mask_in_colour_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY).convert("RGB").save(tmp_path / "mask.png")
    with pytest.raises(UserError, match="^Mask .* has mode RGB. A mask holds one class index per pixel"):
        read_mask(tmp_path / "mask.png")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path, suffix: str) -> None:
    PIL.Image.fromarray((np.arange(0, 256, dtype=np.uint16) * 257).reshape(16, 16)).save(tmp_path / f"image{suffix}")
    assert (read_image(tmp_path / f"image{suffix}") == np.arange(256).reshape(16, 16, 1)).all()


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_grey_of_32_bits_is_refused_with_the_hint(tmp_path: Path, kind: type) -> None:
    PIL.Image.fromarray(np.ones((3, 4), kind)).save(tmp_path / "image.tif")
    with pytest.raises(UserError, match="nothing tells the white. Save it as an image of 8 or 16 bits"):
        read_image(tmp_path / "image.tif")


def test_a_text_too_long_for_pillow_is_a_broken_image(tmp_path: Path) -> None:
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * (PIL.PngImagePlugin.MAX_TEXT_CHUNK + 1), zip=True)
    PIL.Image.fromarray(GREY).save(tmp_path / "image.png", pnginfo=info)
    with pytest.raises(UserError, match="image.png as an image.*replace or unlist it"):
        read_image(tmp_path / "image.png")


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()
    for name, broken in {"cut.jpg": content[: len(content) // 2], "empty.jpg": b"", "text.jpg": b"hello"}.items():
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(UserError, match=f"{name} as an image.*replace or unlist it"):
            read_image(tmp_path / name)


def test_a_hash_split_keeps_its_fractions_and_its_names() -> None:
    fractions = {"train": 0.7, "val": 0.1, "test": 0.2}
    places = [split_by_hash(f"image_{i}", fractions) for i in range(4000)]
    for split, fraction in fractions.items():
        assert abs(places.count(split) / 4000 - fraction) < 0.02
    assert places == [split_by_hash(f"image_{i}", fractions) for i in range(4000)]


def test_a_list_may_name_images_with_dots_folders_and_suffixes() -> None:
    words = ["2011_000003", "scan.v2", "/JPEGImages/a.b.jpg", "masks/a.PNG"]
    assert [without_suffix(word) for word in words] == ["2011_000003", "scan.v2", "a.b", "a"]
