"""A table of made-up folders, one per kind of image: the right pixels reach the net, or the reason is told."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
import tifffile
from conftest import Command, Trained
from data.made import SHAPE, folder, make, photo, same, save, words

from fcnlab.data.images import ImageReader, read_image
from fcnlab.error import UserError

GREY = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint8).reshape(SHAPE)


def deep(top: int, bands: int = 1) -> np.ndarray:
    """A 16-bit image from black to ``top``."""
    ramp = np.linspace(0, top, SHAPE[0] * SHAPE[1] * bands).astype(np.uint16)
    return ramp.reshape(*SHAPE, bands) if bands > 1 else ramp.reshape(SHAPE)


def tiff(bands: int, dtype: Any = np.uint8, **options: Any) -> Any:
    def write(path: Path, image: np.ndarray) -> None:
        values = np.dstack([image.astype(dtype)] * 3)[..., :bands]
        save_tiff(path.with_suffix(".tif"), values, **options)

    return write


def save_tiff(path: Path, values: np.ndarray, planar: bool = False) -> None:
    kind: dict[str, Any] = {"photometric": "rgb" if values.ndim == 3 and values.shape[2] >= 3 else "minisblack"}
    if values.ndim == 3 and values.shape[2] == 2:
        kind["planarconfig"] = "contig"  # else each row would be a page
    if planar:
        values, kind["planarconfig"] = np.moveaxis(values, -1, 0), "separate"
    tifffile.imwrite(path, values, **kind)


def eight(values: np.ndarray, white: int) -> np.ndarray:
    return np.rint(values * (255 / white)).astype(np.uint8)


READ: dict[str, tuple[Any, list[str], Any]] = {
    "grey": (lambda p, a: save(p, a[..., 0]), [], lambda a: np.repeat(a[..., :1], 3, 2)),
    "grey for a grey net": (lambda p, a: save(p, a[..., 0]), ["data.channels=1"], lambda a: a[..., :1]),
    "colour for a grey net": (
        save,
        ["data.channels=1"],
        lambda a: np.asarray(PIL.Image.fromarray(a).convert("L"))[..., None],
    ),
    "transparency is left out": (lambda p, a: save(p, np.dstack([a, a[..., 0]])), [], lambda a: a),
    "transparency is a channel": (
        lambda p, a: save(p, np.dstack([a, a[..., 0]])),
        ["data.channels=4"],
        lambda a: np.dstack([a, a[..., 0]]),
    ),
    "12 bits in 16": (
        lambda p, a: save(p, (a[..., 0].astype(np.uint16) * 16)),
        ["data.white=4095"],
        lambda a: np.repeat(eight(a[..., :1].astype(int) * 16, 4095), 3, 2),
    ),
    "dark 16 bits": (
        lambda p, a: save(p, a[..., 0].astype(np.uint16)),
        ["data.white=65535"],
        lambda a: np.zeros_like(a),
    ),
    "12 bits in 16 of colour": (
        lambda p, a: cv2.imwrite(str(p), a[..., ::-1].astype(np.uint16) * 16),
        ["data.white=4095"],
        lambda a: eight(a.astype(int) * 16, 4095),
    ),
    "12 bits in 16 of colour, TIFF": (
        lambda p, a: save_tiff(p.with_suffix(".tif"), a.astype(np.uint16) * 16),
        ["data.white=4095"],
        lambda a: eight(a.astype(int) * 16, 4095),
    ),
    "float with a white": (
        lambda p, a: save_tiff(p.with_suffix(".tif"), (a[..., 0] / 255).astype(np.float32)),
        ["data.white=1"],
        lambda a: np.repeat(a[..., :1], 3, 2),
    ),
    "two bands": (tiff(2), ["data.channels=2"], lambda a: a[..., :2]),
    "four bands": (tiff(4), ["data.channels=4"], lambda a: np.dstack([a, a])[..., :4]),
    "five bands": (tiff(5), ["data.channels=5"], lambda a: np.dstack([a, a])[..., :5]),
    "five bands, one after another": (tiff(5, planar=True), ["data.channels=5"], lambda a: np.dstack([a, a])[..., :5]),
    "five bands of 16 bits": (
        tiff(5, np.uint16),
        ["data.channels=5", "data.white=255"],
        lambda a: np.dstack([a, a])[..., :5],
    ),
    "the second page": (
        lambda p, a: save(p.with_suffix(".tif"), GREY, save_all=True, append_images=[PIL.Image.fromarray(a[..., 0])]),
        ["data.page=1"],
        lambda a: np.repeat(a[..., :1], 3, 2),
    ),
    "a page and its small copy": (
        lambda p, a: pyramid(p.with_suffix(".tif"), a),
        [],
        lambda a: a,
    ),
}


def two_pages(path: Path, labels: np.ndarray) -> None:
    save(path.with_suffix(".tif"), labels, save_all=True, append_images=[PIL.Image.fromarray(labels)])


def pyramid(path: Path, image: np.ndarray) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(image, photometric="rgb")
        file.write(image[::2, ::2], photometric="rgb", subfiletype=1)


@pytest.mark.parametrize("case", READ)
def test_images_are_read_as_they_were_made(case: str, tmp_path: Path) -> None:
    write, typed, expected = READ[case]
    data = folder(make(tmp_path, two_pages if "second" in case else None, write), *typed)
    assert same(data)
    assert (data.read("train", 1)[0] == expected(photo(1))).all()
    sample = data.dataset("train", training=True)[0]
    assert sample.image.shape[0] == len(data.mean) == data.reader.channels


REFUSED: dict[str, tuple[Any, list[str], list[str]]] = {
    "12 bits in 16": (
        lambda p, a: save(p, deep(4095)),
        [],
        ["photo_0.png has 16 bits, but no value above 4095: 12 bits in 16?", "data.white=4095; or data.white=65535"],
    ),
    "10 bits in 16 of colour": (
        lambda p, a: cv2.imwrite(str(p), deep(1000, 3)),
        [],
        ["photo_0.png has 16 bits, but no value above 1000: 10 bits in 16?"],
    ),
    "14 bits of colour, TIFF": (
        lambda p, a: save_tiff(p.with_suffix(".tif"), deep(16000, 3)),
        [],
        ["photo_0.tif has 16 bits, but no value above 16000: 14 bits in 16?"],
    ),
    "a white that is too low": (
        lambda p, a: save(p, deep(5000)),
        ["data.white=4095"],
        ["photo_0.png has values 0 to 5000, outside 0 to data.white=4095"],
    ),
    "four bands": (tiff(4), [], ["photo_0.tif has 4 bands, but data.channels=3. Type data.channels=4 to read them"]),
    "five bands": (tiff(5), [], ["photo_0.tif has 5 bands, but data.channels=3"]),
    "three bands for four": (save, ["data.channels=4"], ["photo_0.png has 3 bands, but data.channels=4"]),
    "pages": (
        lambda p, a: save(p.with_suffix(".tif"), a, save_all=True, append_images=[PIL.Image.fromarray(a)] * 4),
        [],
        ["photo_0.tif has 5 pages; one image per file is read", "data.page=0"],
    ),
    "a page that is not there": (save, ["data.page=3"], ["data.page=3, but", "photo_0.png has 1 pages"]),
    "more pixels than agreed on": (
        save,
        ["data.max_pixels=100"],
        ["photo_0.png has 14x12 = 168 pixels; the limit is 100", "data.max_pixels=168"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_refused_with_the_reason(case: str, tmp_path: Path, command: Command) -> None:
    write, typed, parts = REFUSED[case]
    mask = (lambda p, m: save(p, m)) if "page that" not in case else None
    outcome = command("survey", *words(make(tmp_path / "data", mask, write), *typed))
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


NET = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")


@pytest.mark.slow
def test_training_and_evaluation_refuse_12_bits_alike(tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data", image=lambda p, a: save(p, a[..., 0].astype(np.uint16) * 16))
    outcome = command("train", *words(root), *NET)
    assert outcome.code == 1
    assert "12 bits in 16?" in outcome.text
    good = command("train", *words(root, "data.white=4095"), *NET)
    assert good.code == 0, good.text
    (best,) = Path("runs").glob("plain-*/checkpoints/last.ckpt")
    assert command("evaluate", f"checkpoint={best}").code == 0
    scored = command("evaluate", f"checkpoint={best}", *words(root))
    assert scored.code == 1
    assert "12 bits in 16?" in scored.text


@pytest.mark.slow
def test_five_bands_train_and_predict(tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data", image=tiff(5))
    outcome = command("train", *words(root, "data.channels=5", "data.image_size=[10,11]"), *NET)
    assert outcome.code == 0, outcome.text
    (checkpoint,) = Path("runs").glob("plain-*/checkpoints/last.ckpt")
    done = command("predict", f"checkpoint={checkpoint}", f"images={root}/images", "output=out")
    assert done.code == 0, done.text
    with PIL.Image.open("out/photo_0.png") as mask:
        assert mask.size == (SHAPE[1], SHAPE[0])
    save(tmp_path / "rgb.png", photo(0))
    other = command("predict", f"checkpoint={checkpoint}", "images=rgb.png", "output=other")
    assert other.code == 1
    assert "rgb.png has 3 bands, but the net sees 5" in other.text


def test_a_photo_is_refused_by_predict_as_by_training(trained: Trained, command: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    save(tmp_path / "photos" / "dark.png", deep(4095))
    save(tmp_path / "photos" / "good.png", photo(0))
    (tmp_path / "photos" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (tmp_path / "photos" / "._good.png").write_bytes(b"\0\5\x16\7")
    typed = (f"checkpoint={trained.checkpoint}", "images=photos", "output=out")
    outcome = command("predict", *typed)
    assert outcome.code == 1
    for part in ("2 of 3 images could not be read", "cut.jpg as an image", "type white=4095", "Left out: "):
        assert part in outcome.text.replace("Type", "type")
    assert "_good" not in outcome.text
    assert sorted(p.name for p in Path("out").iterdir()) == ["good.png", "good_colour.png", "good_overlay.png"]
    (tmp_path / "photos" / "cut.jpg").unlink()
    again = command("predict", *typed, "white=4095")
    assert again.code == 0, again.text


def test_a_large_image_is_refused_with_the_setting_that_takes_it(
    trained: Trained, command: Command, tmp_path: Path
) -> None:
    PIL.Image.new("1", (13500, 13500)).save(tmp_path / "big.png")
    outcome = command("predict", f"checkpoint={trained.checkpoint}", "images=big.png", "output=out")
    assert outcome.code == 1
    for part in ("13500x13500 = 182,250,000 pixels; the limit is 178,956,970", "max_pixels=182250000", "into tiles"):
        assert part in outcome.text
    assert "data.max_pixels" not in outcome.text


def test_transparency_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fcnlab.data import images

    images.told.clear()
    for name in ("a.png", "b.png"):
        save(tmp_path / name, np.dstack([photo(0), photo(0)[..., 0]]))
        read_image(tmp_path / name)
    assert capsys.readouterr().out.count("partly transparent") == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_image_is_turned_as_a_shallow_one(orientation: int, tmp_path: Path) -> None:
    shallow = PIL.Image.fromarray(photo(0))
    exif = shallow.getexif()
    exif[0x0112] = orientation
    shallow.save(tmp_path / "shallow.png", exif=exif)
    cv2.imwrite(str(tmp_path / "deep.png"), photo(0)[..., ::-1].astype(np.uint16) * 257)
    content, donor = (tmp_path / "deep.png").read_bytes(), (tmp_path / "shallow.png").read_bytes()
    begin = donor.index(b"eXIf") - 4
    chunk = donor[begin : begin + 12 + int.from_bytes(donor[begin : begin + 4], "big")]
    head = content.index(b"IHDR") + 4 + 13 + 4
    (tmp_path / "deep.png").write_bytes(content[:head] + chunk + content[head:])
    assert np.array_equal(read_image(tmp_path / "deep.png"), read_image(tmp_path / "shallow.png"))


@pytest.mark.parametrize("typed", [{"channels": 0}, {"white": 0}, {"page": -1}, {"max_pixels": 0}, {"white": True}])
def test_settings_out_of_range_are_refused(typed: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"data.{next(iter(typed))}="):
        ImageReader(**typed)
