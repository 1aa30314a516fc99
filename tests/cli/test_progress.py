"""Progress is told without a terminal too."""

import pytest

from fcnlab.cli.progress import progress


def test_without_a_terminal_a_line_tells_from_time_to_time_how_far_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(progress("abc", total=3, what="masks of voc, test", pause=0.0)) == ["a", "b", "c"]
    lines = capfd.readouterr().out.splitlines()
    assert [line.partition(", about")[0] for line in lines] == [
        "masks of voc, test: 1 of 3",
        "masks of voc, test: 2 of 3",
    ]


def test_what_is_done_soon_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), total=3, what="masks")) == [0, 1, 2]
    assert capfd.readouterr().out == ""
