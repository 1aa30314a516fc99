"""Names that differ in their Unicode form alone are found; others are not."""

import unicodedata
from pathlib import Path

from fcnlab.data.spelling import nfc, on_disk


def test_a_path_is_found_in_the_spelling_of_the_disk(tmp_path: Path) -> None:
    apart = [unicodedata.normalize("NFD", name) for name in ("자료", "é 사진.png")]
    (tmp_path / apart[0]).mkdir()
    wanted = tmp_path / "자료" / "é 사진.png"
    assert on_disk(wanted).name == "é 사진.png"  # nothing of this name yet
    (tmp_path / apart[0] / apart[1]).touch()
    assert [ord(letter) for letter in str(on_disk(wanted))] == [ord(x) for x in str(tmp_path.joinpath(*apart))]
    assert on_disk(tmp_path / "자료" / "사진.png") != on_disk(wanted)
    assert on_disk(tmp_path / "no folder" / "사진.png") == tmp_path / "no folder" / "사진.png"
    assert nfc(apart[0]) == "자료"
