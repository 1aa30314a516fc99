"""The report and the view hold what the run folders hold; they are written as data, and sent as they were written."""

import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style")  # of wandb-workspaces, when it is imported
ADDRESS = "me/fcnlab"
SCORES = ("mean_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou")


@pytest.fixture
def runs(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two variants of two seeds as W&B would have logged them, and nobody is logged in."""
    folder = shutil.copytree(finished, tmp_path / "runs")
    for number, run in enumerate(sorted(folder.glob("shapes-*"))):
        record = json.loads((run / "record.json").read_text())
        (run / "record.json").write_text(json.dumps(record | {"wandb_id": f"id{number}"}))
        images = folder / f"wandb/offline-run-20260101_00000{number}-id{number}/files/media/images/val"
        images.mkdir(parents=True)
        for name in ("a_1_0_", "b/c_12_", *(["only_here_0_"] if number == 0 else [])):
            image = images / f"{name}{'0f' * 10}.jpg"
            image.parent.mkdir(exist_ok=True)
            image.touch()
    for key, value in (("WANDB_API_KEY", None), ("HOME", str(tmp_path)), ("NETRC", str(tmp_path / "none"))):
        monkeypatch.delenv(key) if value is None and key in os.environ else monkeypatch.setenv(key, value or "")
    return folder


def walk(node: Any, key: str) -> Iterator[Any]:
    """Everything that stands under a key, at any depth."""
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from walk(inner, key)


def metrics(runs: Path, model: str) -> list[dict[str, float]]:
    return [json.loads(file.read_text()) for file in sorted(runs.glob(f"shapes-{model}-*/metrics.json"))]


def test_without_an_account_report_and_view_are_written_and_the_message_says_what_to_type(
    runs: Path, command: Command
) -> None:
    outcome = command("compare", f"runs={runs}", f"wandb={ADDRESS}", f"output={runs}/out")
    assert outcome.code == 0, outcome.text
    assert "nobody is logged in (wandb login), so nothing was sent" in outcome.text
    typed = f"wandb login\n  make wandb-sync\n  python -m fcnlab.compare 'runs={runs}' wandb={ADDRESS}"
    assert typed in outcome.text
    written = json.loads((runs / "out" / "wandb.json").read_text())
    report, view = written["report"], written["view"]
    assert written["sent"] == {}

    grids = [block for block in report["blocks"] if block["type"] == "panel-grid"]
    texts = "\n".join(block["content"] for block in report["blocks"] if block["type"] == "markdown-block")
    headings = [block["children"][0]["text"] for block in report["blocks"] if block["type"] == "heading"]
    assert headings == ["Test scores", "Learning curves", "IoU by class", "The same validation images"]
    for model in ("fcn32s", "fcn8s"):  # the table of four scores: mean and deviation of the seeds
        for score in SCORES:
            values = [100 * run[f"test/{score}"] for run in metrics(runs, model)]
            assert f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}" in texts
    for grid in grids:  # these runs and no others, a line for each variant
        (runset,) = grid["metadata"]["runSets"]
        (only,) = runset["filters"]["filters"]
        assert (only["key"], only["op"]) == ({"section": "run", "name": "name"}, "IN")
        assert sorted(only["value"]) == ["id0", "id1", "id2", "id3"]
        assert runset["grouping"] == [{"section": "config", "name": "model.value.name"}]
    for shown in (grids, view["section"]):
        panels = [panel for panels in walk(shown, "panels") if isinstance(panels, list) for panel in panels]
        kinds = {
            kind: [p["config"] for p in panels if p["viewType"] == kind] for kind in {p["viewType"] for p in panels}
        }
        names = [key for key in metrics(runs, "fcn8s")[0] if key.startswith("test/iou/")]
        bars = [key for config in kinds["Bar Chart"] for key in config["metrics"]]
        assert bars == [*(f"test/{score}" for score in SCORES), *names]
        lines = kinds["Run History Line Plot"]
        assert [c["metrics"] for c in lines] == [["val/mean_iou"], ["val/loss"], ["train/loss"]]
        columns = next(runs.glob("shapes-*/history.csv")).read_text().partition("\n")[0].split(",")
        assert {key for config in lines for key in (config["xAxis"], *config["metrics"])} <= set(columns)
        assert all(c["groupAgg"] == "mean" and c["groupArea"] == "stddev" for c in (*lines, *kinds["Bar Chart"]))
        assert [config["mediaKeys"] for config in kinds["Media Browser"]] == [
            ["val/a_1", "val/b/c"]
        ]  # all runs have them


def test_variants_of_one_net_are_told_apart_by_what_differs(runs: Path, command: Command) -> None:
    (run,) = runs.glob("shapes-fcn8s-shapes-s1-*")
    config = (run / "config.yaml").read_text()
    assert "\nepochs: 2\n" in config
    (run / "config.yaml").write_text(config.replace("\nepochs: 2\n", "\nepochs: 3\n"))
    assert command("compare", f"runs={runs}", f"wandb={ADDRESS}", f"output={runs}/out").code == 0
    written = json.loads((runs / "out" / "wandb.json").read_text())
    assert next(walk(written["report"], "grouping")) == [
        {"section": "config", "name": "model.value.name"},
        {"section": "config", "name": "epochs.value"},
    ]


@pytest.mark.parametrize("address", ["me", "/fcnlab", "me/", "me/my/fcnlab"])
def test_what_is_no_address_is_refused(address: str, runs: Path, command: Command) -> None:
    outcome = command("compare", f"runs={runs}", f"wandb={address}", f"output={runs}/out", "samples=10")
    assert outcome.code == 1
    assert f"wandb={address} is no ENTITY/PROJECT" in outcome.text


def test_a_run_that_was_never_logged_is_named(finished: Path, tmp_path: Path, command: Command) -> None:
    outcome = command("compare", f"runs={finished}", f"wandb={ADDRESS}", f"output={tmp_path}/out", "samples=10")
    assert outcome.code == 1
    assert "was never logged to W&B, so a report cannot show it" in outcome.text


class Recorder(http.server.BaseHTTPRequestHandler):
    """A server that answers as W&B's would, and keeps what it was sent."""

    views: list[dict[str, Any]]

    def do_GET(self) -> None:
        self.answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/graphql":  # W&B's own telemetry
            return self.answer({})
        asked = json.loads(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        given = asked.get("variables") or {}
        if "upsertView" in asked["query"]:
            self.views.append(given)
            project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
            view = {key: given[key] for key in ("name", "type", "displayName", "description", "spec")}
            view |= {"id": f"id of {given['type']}", "project": project, "updatedAt": "2026-01-01T00:00:00Z"}
            return self.answer({"upsertView": {"view": view, "inserted": True}})
        if "viewer" in asked["query"]:
            return self.answer({"viewer": {"id": "u", "entity": "me", "username": "me", "flags": "{}"}})
        node = {"id": "p", "name": "fcnlab", "entityName": "me", "createdAt": "2026-01-01T00:00:00Z"}
        edges = [{"node": node | {"isBenchmark": False, "user": None}, "cursor": "c"}]
        return self.answer({"models": {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}})

    def answer(self, data: dict[str, Any]) -> None:
        text = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.slow
def test_what_was_written_is_what_is_sent_and_a_second_time_replaces_it(runs: Path, tmp_path: Path) -> None:
    Recorder.views = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = os.environ | {"WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}", "WANDB_API_KEY": "a" * 40}
    words = [f"runs={runs}", f"wandb={ADDRESS}", f"output={runs}/out"]
    call = [sys.executable, "-m", "fcnlab.compare", *words]
    for times in (1, 2):
        done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "deprecated" not in done.stderr
        assert len(Recorder.views) == 2 * times
    server.shutdown()
    server.server_close()
    report, view = Recorder.views[2:]
    assert [sent["type"] for sent in (report, view)] == ["runs", "project-view"]
    assert all((sent["entityName"], sent["projectName"]) == ("me", "fcnlab") for sent in Recorder.views)
    assert report["displayName"] == "fcn32s, fcn8s on shapes"
    assert [sent.get("id") or None for sent in Recorder.views] == [None, None, "id of runs", "id of project-view"]
    assert Recorder.views[1]["name"] == view["name"]
    written = json.loads((runs / "out" / "wandb.json").read_text())

    def content(spec: dict[str, Any]) -> list[Any]:
        return [list(walk(spec, key)) for key in ("metrics", "mediaKeys", "filters", "grouping", "content")]

    assert content(json.loads(report["spec"])) == content(written["report"])
    assert content(json.loads(view["spec"])) == content(written["view"])
    assert written["sent"] == {ADDRESS: {"report": "id of runs", "view": "id of project-view", "name": view["name"]}}
