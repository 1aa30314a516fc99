"""Folders as strangers bring them: each is read as it was made, or refused with file, value and what to type."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from conftest import Command
from data.made import SPLITS, folder, make, palette_png, photo, same, save, truth, words

ORIENTATION = 0x0112
ANY = "data.fractions={train: 0.4, val: 0.3, test: 0.3}"


def array(path: Path, labels: np.ndarray, kind: Any = np.int64) -> None:
    np.save(path.with_suffix(".npy"), labels.astype(kind))


def in_capitals(root: Path) -> None:
    make(root)
    for path in [*root.glob("images/*.png"), *root.glob("masks/*.png")]:
        path.rename(path.with_suffix(".PNG"))


def by_windows(root: Path) -> None:
    make(root)
    for path in [*root.glob("lists/*.txt"), root / "classes.txt"]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))


def lists(root: Path, head: str, line: str, suffix: str = "csv", **how: Any) -> None:
    make(root, **how)
    for split, some in SPLITS.items():
        (root / "lists" / f"{split}.txt").unlink()
        rows = (
            [head, *(line.replace("{}", str(i)) for i in some)] if head else [line.replace("{}", str(i)) for i in some]
        )
        (root / "lists" / f"{split}.{suffix}").write_text("\r\n".join(rows), encoding="utf-8-sig")


def linked(root: Path) -> None:
    make(root.with_name("elsewhere"))
    root.mkdir()
    for path in root.with_name("elsewhere").iterdir():
        (root / path.name).symlink_to(path)


def turned(root: Path) -> None:
    """A photo that its EXIF tag turns, beside a mask that was drawn on the pixels as they lie in the file."""
    make(root)
    path = root / "images" / "photo_0.png"
    image = PIL.Image.open(path)
    exif = image.getexif()
    exif[ORIENTATION] = 6
    image.save(path, exif=exif)


def of_two_kinds(root: Path) -> None:
    make(root)
    palette_png(root / "masks" / "photo_0.png", truth(0))
    save(root / "masks" / "photo_1.png", np.repeat(truth(1)[..., None], 3, 2))


def cmyk(path: Path, values: np.ndarray) -> None:
    PIL.Image.fromarray(values).convert("CMYK").save(path.with_suffix(".jpg"))


def moving(path: Path, values: np.ndarray, suffix: str) -> None:
    """Three frames that differ."""
    more = [PIL.Image.fromarray(values[::-1]), PIL.Image.fromarray(values)]
    options = {"lossless": True} if suffix == ".webp" else {}
    PIL.Image.fromarray(values).save(path.with_suffix(suffix), save_all=True, append_images=more, **options)


def instead(path: Path, content: bytes | None) -> None:
    """Other content under a name that stays; None: a pipe, whose reader waits for somebody to write."""
    path.unlink()
    path.write_bytes(content) if content is not None else os.mkfifo(path)


def of_windows(root: Path, suffix: str) -> None:
    line = "C:\\my data\\images\\photo_{}.png"
    if suffix == "csv":
        lists(root, "image,mask", f"{line},{line.replace('images', 'masks')}")
    else:
        lists(root, "", line, "txt")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


READ: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "numpy's arrays": (lambda r: make(r, array), []),
    "GIF": (lambda r: make(r, lambda p, m: palette_png(p.with_suffix(".gif"), m)), []),
    "BMP": (lambda r: make(r, lambda p, m: palette_png(p.with_suffix(".bmp"), m)), []),
    "lossless WebP, read as grey": (
        lambda r: make(
            r, lambda p, m: save(p.with_suffix(".webp"), np.repeat(m[..., None], 3, 2), lossless=True, exact=True)
        ),
        ["data.labels=[0,1,2]"],
    ),
    "suffixes in capitals": (in_capitals, []),
    "Windows' line ends and byte order mark": (by_windows, []),
    "CSV with semicolons": (lambda r: lists(r, "image;mask", "images/photo_{}.png;masks/photo_{}.png"), []),
    "CSV with other words": (lambda r: lists(r, "file_name,label", "images/photo_{}.png,masks/photo_{}.png"), []),
    "two paths in a line": (
        lambda r: lists(r, "", "images/photo_{}.png masks/photo_{} m.png", "txt", mask_name="masks/photo_{} m.png"),
        [],
    ),
    "two paths of another machine": (
        lambda r: lists(r, "", "/home/kim/images/photo_{}.png\t/home/kim/masks/photo_{}.png", "txt"),
        [],
    ),
    "paths of Windows": (lambda r: of_windows(r, "txt"), []),
    "paths of Windows in a CSV": (lambda r: of_windows(r, "csv"), []),
    "signed numbers of 8 bits": (
        lambda r: make(r, lambda p, m: tifffile.imwrite(p.with_suffix(".tif"), m.astype(np.int8))),
        [],
    ),
    "links": (linked, []),
    "a photo that is turned, a mask that is not": (turned, []),
    "CMYK": (lambda r: make(r, image=cmyk), []),
    "names with a comma and Hangul": (
        lambda r: make(r, image_name="원본, 이미지/photo_{}.png", mask_name="정답 (1)/photo_{}.png"),
        ["data.images='원본, 이미지/{name}.*'", "data.masks='정답 (1)/{name}.*'"],
    ),
    "a folder per image": (
        lambda r: make(r, mask_name="masks/photo_{}/leaf.png"),
        ["data.masks='masks/{name}/leaf.png'"],
    ),
    "numbered classes": (lambda r: make(r, lambda p, m: save(p, m + 1), classes="1 ground\n2 leaf\n3 stem\n"), []),
    "masks beside images": (
        lambda r: make(r, image_name="all/photo_{}.png", mask_name="all/photo_{}_mask.png", lists=False),
        ["data.images='all/{name}.png'", "data.masks='all/{name}_mask.png'", ANY],
    ),
    "frames of which one is named": (
        lambda r: make(r, image=lambda p, v: moving(p, v, ".webp")),
        ["data.page=0"],
    ),
}


@pytest.mark.parametrize("case", READ)
def test_it_is_read_as_it_was_made(case: str, tmp_path: Path) -> None:
    how, typed = READ[case]
    root = tmp_path / "the folder"
    how(root)
    data = folder(root, *typed, lists=(root / "lists").is_dir())
    assert same(data)
    assert data.class_names == ("ground", "leaf", "stem")
    assert data.image_shape("test", 0) == truth(6).shape


def sparse(path: Path) -> None:
    """An array of 12 GB that fills no disk."""
    shape = (110_000, 110_000)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + shape[0] * shape[1])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


TOLD: dict[str, tuple[Callable[[Path], object], list[str], list[str]]] = {
    "an array of numbers with fractions": (
        lambda r: make(r, lambda p, m: array(p, m, np.float32)),
        [],
        ["photo_0.npy holds float32", "whole numbers"],
    ),
    "an array of scores": (
        lambda r: make(r, lambda p, m: array(p, np.eye(3)[m], np.uint8)),
        [],
        ["photo_0.npy holds uint8 of shape (12, 14, 3)"],
    ),
    "an array that runs code": (
        lambda r: (make(r, array), np.save(r / "masks/photo_0.npy", np.array([{}]), allow_pickle=True)),
        [],
        ["Cannot read", "photo_0.npy"],
    ),
    "an array with negative labels": (
        lambda r: make(r, lambda p, m: array(p, m.astype(int) - 1)),
        [],
        ["photo_0.npy has labels -1 to 1", "data.void_label=-1"],
    ),
    "negative labels, and 255 a class": (
        lambda r: make(r, lambda p, m: array(p, m.astype(int) - 1)),
        ["data.labels=[0,1,255]", "data.void_label=-1"],
        ["photo_0.npy has labels -1 to 1", "8 bits"],
    ),
    "negative shades": (
        lambda r: make(r, lambda p, m: array(p, m.astype(int) - 1), classes="a\nb\n"),
        ["data.threshold=127", "data.void_label=-1"],
        ["photo_0.npy has labels -1 to 1", "8 bits"],
    ),
    "a drawing that is in the transparency alone": (
        lambda r: make(r, lambda p, m: save(p, np.dstack([m * 0 + 255, m * 0, m * 0, m * 100])), classes="a\nb\n"),
        ["data.threshold=127"],
        ["photo_0.png is all of one class by data.threshold=127, but its transparency varies", "as a grey PNG"],
    ),
    "a list in JSON": (
        lambda r: (make(r), (r / "splits.json").write_text("{}")),
        ["data.lists=splits.json"],
        ["data.lists=splits.json is no list that is read: .txt, .csv, .jsonl, .lst"],
    ),
    "names of two folders": (
        lambda r: (make(r, lists=False), (r / "masks/more").mkdir(), save(r / "masks/more/photo_0.png", truth(0))),
        ["data.masks='masks/**/{name}.*'", ANY],
        ["more/photo_0.png and photo_0.png", "Tell folders apart by fields of your own in data.masks"],
    ),
    "a pipe for a mask": (
        lambda r: (make(r), instead(r / "masks/photo_0.png", None)),
        [],
        ["photo_0.png as an image: it is a pipe or a device, no file"],
    ),
    "a pipe for an image": (
        lambda r: (make(r), instead(r / "images/photo_0.png", None)),
        [],
        ["photo_0.png as an image: it is a pipe or a device, no file"],
    ),
    "a pipe for an array": (
        lambda r: (make(r, array), instead(r / "masks/photo_0.npy", None)),
        [],
        ["photo_0.npy as an image: it is a pipe or a device, no file"],
    ),
    "pointers of Git LFS": (
        lambda r: (
            make(r, array),
            instead(r / "masks/photo_0.npy", POINTER),
            instead(r / "images/photo_1.png", POINTER),
        ),
        [],
        [
            "photo_0.npy as an image: it is a pointer of Git LFS",
            "photo_1.png as an image: it is a pointer",
            "git lfs pull",
        ],
    ),
    "a web page": (
        lambda r: (make(r), instead(r / "images/photo_0.png", b"<!DOCTYPE html><html><title>404</title></html>")),
        [],
        ["photo_0.png as an image: it is a web page, as a download leaves that failed"],
    ),
    "HEIC under another name": (
        lambda r: (make(r), instead(r / "images/photo_0.png", b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(99))),
        [],
        ["photo_0.png as an image: it is a HEIC, whatever its name says. Save it as JPEG or PNG"],
    ),
    "a mask with numbers below 0 in 8 bits": (
        lambda r: make(r, lambda p, m: tifffile.imwrite(p.with_suffix(".tif"), m.astype(np.int8) - 1)),
        [],
        ["photo_0.tif has numbers of 8 bits below 0 (TIFF's SampleFormat 2). Save it with 0 to 255"],
    ),
    "an image with numbers below 0 in 8 bits": (
        lambda r: make(r, image=lambda p, v: tifffile.imwrite(p.with_suffix(".tif"), v[..., 0].view(np.int8))),
        [],
        ["photo_0.tif has numbers of 8 bits below 0"],
    ),
    "an array of more pixels than were agreed on": (
        lambda r: (make(r, array), sparse(r / "masks/photo_0.npy")),
        [],
        ["photo_0.npy has 110000x110000 = 12,100,000,000 pixels; the limit is 178,956,970"],
    ),
    "an array that is cut": (lambda r: (make(r, array), cut(r / "masks/photo_0.npy")), [], ["photo_0.npy"]),
    "frames in masks": (
        lambda r: make(r, lambda p, m: moving(p, m, ".gif")),
        [],
        ["photo_0.gif has 3 pages", "data.page=0"],
    ),
    "frames in images": (
        lambda r: make(r, image=lambda p, v: moving(p, v, ".webp")),
        [],
        ["photo_0.webp has 3 pages", "data.page=0"],
    ),
    "a link to nowhere": (
        lambda r: (make(r), (r / "masks/photo_0.png").unlink(), (r / "masks/photo_0.png").symlink_to(r / "gone")),
        [],
        ["The mask", "photo_0.png of split 'train' is missing"],
    ),
    "classes in UTF-16": (
        lambda r: (make(r), (r / "classes.txt").write_text("ground\nleaf\nstem\n", encoding="utf-16")),
        [],
        ["classes.txt is no text in UTF-8"],
    ),
    "labels of 32-bit numbers with fractions": (
        lambda r: make(r, lambda p, m: save(p.with_suffix(".tif"), m.astype(np.float32))),
        [],
        ["photo_0.tif has mode F"],
    ),
    "two files of one name": (
        lambda r: (make(r), save(r / "images/photo_0.bmp", photo(0))),
        [],
        ["photo_0.bmp and photo_0.png", "Keep one"],
    ),
    "an image without a mask": (
        lambda r: (make(r, lists=False), save(r / "images/photo_77.png", photo(0))),
        [ANY],
        ["masks/photo_77.png of split", "is missing. data.unmasked=skip leaves such images out"],
    ),
    "a CSV without a column of names": (
        lambda r: lists(r, "where,what", "images/photo_{}.png,masks/photo_{}.png"),
        [],
        ["train.csv has a row without a name", "Its columns are name, or image and mask"],
    ),
    "more pixels than were agreed on": (
        make,
        ["data.max_pixels=100"],
        ["photo_0.png has 14x12 = 168 pixels; the limit is 100", "data.max_pixels=168"],
    ),
    "classes of other masks": (
        lambda r: make(r, lambda p, m: save(p, np.array([[9, 9, 9], [80, 0, 0], [0, 80, 0]], np.uint8)[m])),
        ["data.colours=['#000000','#00ffff','#ff00ff']"],
        [
            "has colour (",
            "It holds 3 colours",
            "none of them known, so that the classes seem to be those of other masks",
        ],
    ),
    "two splits of one folder, too few images": (
        lambda r: make(r, image_name="{split}/photo_{}.png", mask_name="{split}_gt/photo_{}.png", lists=False),
        [
            "data.images='{split}/{name}.png'",
            "data.masks='{split}_gt/{name}.png'",
            "data.splits={test: val}",
            "data.fractions={train: 0.5, val: 0.5, test: 0}",
        ],
        ["None of 2 images falls into split 'test' by data.fractions="],
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_it_is_refused_with_the_reason(case: str, tmp_path: Path, command: Command) -> None:
    how, typed, parts = TOLD[case]
    root = tmp_path / "the folder"
    how(root)
    outcome = command("survey", *words(root, *typed, lists=(root / "lists").is_dir()))
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


def test_one_name_in_two_splits_is_no_leak_unless_the_images_are_the_same(tmp_path: Path, command: Command) -> None:
    for split, first in {"train": 0, "val": 4, "test": 8}.items():
        for number in range(3):
            for kind, made in (("img", photo), ("gt", truth)):
                (tmp_path / split / kind).mkdir(parents=True, exist_ok=True)
                save(tmp_path / split / kind / f"{number:03}.png", made(first + number))
    typed = (
        *("data=folder", f"data.root={tmp_path}", "data.classes=[ground, leaf, stem]"),
        *("data.images='{split}/img/{name}.png'", "data.masks='{split}/gt/{name}.png'"),
    )
    assert command("survey", *typed).code == 0
    save(tmp_path / "test" / "img" / "001.png", photo(1))
    outcome = command("survey", *typed)
    assert outcome.code == 1
    assert "001 is in both train and test" in outcome.text
    net = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")
    assert "1 images of data=folder are in both train and test: 001." in command("train", *typed, *net).text
