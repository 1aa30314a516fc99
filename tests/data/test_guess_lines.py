"""Lines of a guess are YAML that says what was meant, and shares that leave no split empty."""

import pytest
import yaml

from fcnlab.data.guess_lines import fractions, listed, quoted
from fcnlab.data.sharing import share_by_hash

SPLITS = ("train", "val", "test")


@pytest.mark.parametrize("text", ["it's", "a: b", "{name}", "나의 사진", "- x", ""])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(listed([text, text])) == [text, text]


@pytest.mark.parametrize("number", [4, 9, 18, 300])
def test_shares_leave_no_split_empty(number: int) -> None:
    names = [f"photo_{i}" for i in range(number)]
    lines = "".join(fractions(names, SPLITS))
    shares = (yaml.safe_load(lines) or {}).get("fractions", {"train": 0.7, "val": 0.1, "test": 0.2})
    assert all(share_by_hash(names, split, SPLITS, shares) for split in SPLITS)


def test_too_few_images_are_told() -> None:
    assert "too few to share them out" in "".join(fractions(["one"], SPLITS))
    assert list(fractions(["one"], ["train"])) == []


def test_no_line_is_written_where_the_usual_shares_fill_every_split() -> None:
    assert list(fractions([f"image_{number}" for number in range(200)], SPLITS)) == []
