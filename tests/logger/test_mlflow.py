"""MLflow is told every metric by a name that it takes, whatever the classes are called."""

from types import SimpleNamespace
from typing import Any

import pytest

from fcnlab.logger.mlflow import NamedMLFlowLogger


def test_names_of_classes_are_kept_as_far_as_mlflow_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    validation = pytest.importorskip("mlflow.utils.validation", reason="pip install mlflow-skinny")
    rows: list[Any] = []
    client = SimpleNamespace(log_batch=lambda run_id, metrics, **_: rows.extend(metrics))
    monkeypatch.setattr(NamedMLFlowLogger, "experiment", client)
    monkeypatch.setattr(NamedMLFlowLogger, "run_id", "a")
    names = ("나무", "ground (bare)", "leaf, green", "stem/한", "a//b", "길")
    logger = NamedMLFlowLogger(tracking_uri="http://127.0.0.1:9", prefix="mine")
    logger.log_metrics({f"test/iou/{name}": 0.5 for name in names} | {"note": "no number"}, step=3)
    found = [row.key for row in rows]
    told = ("나무", "ground _bare_", "leaf_ green", "stem/한", "a/b", "길")
    assert found == [f"mine-test/iou/{name}" for name in told]
    assert {(row.value, row.step) for row in rows} == {(0.5, 3)}
    for name in found:
        validation._validate_metric_name(name)  # by which the server judges
