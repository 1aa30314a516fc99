"""The rows of history live in checkpoints."""

from pathlib import Path

from fcnlab.callbacks.history import History


def test_history_goes_on_from_a_checkpoints_rows(tmp_path: Path) -> None:
    first = History(tmp_path / "history.csv", "val/mean_iou")
    first.rows.append({"epoch": 0, "val/mean_iou": 0.5})
    second = History(tmp_path / "history.csv", "val/mean_iou")
    second.load_state_dict(first.state_dict())
    second.rows.append({"epoch": 1, "val/mean_iou": 0.6})
    assert [row["epoch"] for row in second.rows] == [0, 1]
    assert len(first.rows) == 1
