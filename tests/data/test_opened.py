"""Files are opened one page at a time, up to a size that was agreed on, and Pillow's own limit stays for others."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from data.made import save

from fcnlab.data.held import held
from fcnlab.data.images import TURNS
from fcnlab.data.opened import MAX_PIXELS, ORIENTATION, SIDEWAYS, check_png, decode, open_image
from fcnlab.error import UserError

PAGE = np.zeros((4, 5), np.uint8)


def animation(path: Path) -> Path:
    frames = [PIL.Image.fromarray(PAGE + i * 100) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".png", ".webp"])
def test_of_several_pages_one_must_be_named(suffix: str, tmp_path: Path) -> None:
    path = animation(tmp_path / f"many{suffix}")
    with pytest.raises(UserError, match="has 3 pages; one image per file is read. .* data.page=0 is the first"):
        open_image(path)
    with open_image(path, page=2) as image:
        assert np.asarray(image.convert("L")).max() > 150
    with pytest.raises(UserError, match="data.page=3, but .* has 3 pages"):
        open_image(path, page=3)


def test_a_telephones_photo_with_a_preview_is_one_image(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (16, 16), "red"), PIL.Image.new("RGB", (8, 8))]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    with open_image(tmp_path / "a.jpg") as image:
        assert image.size == (16, 16)


def test_the_limit_is_a_setting_and_pillows_own_stays(tmp_path: Path) -> None:
    save(tmp_path / "a.png", PAGE)
    before = PIL.Image.MAX_IMAGE_PIXELS
    with pytest.raises(UserError, match="has 5x4 = 20 pixels; the limit is 19. .* data.max_pixels=20"):
        open_image(tmp_path / "a.png", max_pixels=19)
    open_image(tmp_path / "a.png", max_pixels=20).close()
    assert before == PIL.Image.MAX_IMAGE_PIXELS
    assert 2 * (before or 0) == MAX_PIXELS


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_tiff_that_is_to_be_turned_is_turned_or_refused_never_mixed_up(orientation: int, tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    PIL.Image.fromarray(values).save(tmp_path / "m.tif", tiffinfo={ORIENTATION: orientation})
    if orientation in SIDEWAYS:
        with pytest.raises(UserError, match="m.tif lies on its side"):
            decode(tmp_path / "m.tif", np.array)
    else:
        assert (decode(tmp_path / "m.tif", np.array) == TURNS[orientation](values)).all()


@pytest.mark.parametrize("size", [1, 40])
def test_every_byte_of_a_png_is_checked(size: int) -> None:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size), np.uint8)).save(stream, "png")
    content = stream.getvalue()
    check_png(content)
    check_png(content + b"more")
    for position in range(8, len(content)):
        with pytest.raises(ValueError, match="broken|truncated"):
            check_png(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(ValueError, match="truncated"):
            check_png(content[:position])


def test_what_is_no_image_is_told_without_an_address_in_memory(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_text("hello")
    with pytest.raises(UserError, match="Cannot read .*m.png as an image: cannot identify image file. Every"):
        decode(held(tmp_path / "m.png"), np.array)
