"""A comparison in Weights & Biases: a report and a saved view of the same runs, made as data and then sent."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fcnlab.cli.terminal import say
from fcnlab.comparison.finished import FinishedRun
from fcnlab.comparison.summary import SCORES
from fcnlab.comparison.table import HEADINGS, class_grid, cost_grid, markdown, notes, provenance, score_grid, title
from fcnlab.comparison.variants import Variant, differing
from fcnlab.error import UserError, import_extra, raised
from fcnlab.logger.wandb import why_offline
from fcnlab.run.files import read_json, write_json

CURVES = {"val/mean_iou": "mean IU on validation", "val/loss": "loss on validation", "train/loss": "training loss"}
IMAGE = re.compile(r"(val/.+)_\d+_[0-9a-f]{20}\.jpg")  # W&B's name for a logged image: key, step, hash
SHOWN = 4  # validation images, as many as a training logs
LONGEST = 128  # characters of a report's title


def publish(address: str, comparison: Mapping[str, Any], variants: Sequence[Variant], file: Path, call: str) -> None:
    """Write the report and the view to ``file`` and send them; what was sent before from this file is replaced.

    Args:
        address: ``ENTITY/PROJECT``.
        call: the command that sends it, for a message where nobody is logged in.

    Raises:
        UserError: the address is none, a run has never been logged to W&B, or W&B refuses.
    """
    import wandb

    entity, slash, project = address.partition("/")
    if not (entity and slash and project) or "/" in project:
        raise UserError(f"wandb={address} is no ENTITY/PROJECT: your name or team in W&B, a slash, the project.")
    report, view = parts(comparison, variants, entity=entity, project=project)
    sent = read_json(file).get("sent", {}) if file.is_file() else {}
    known = sent.get(address, {})
    report.id, view._internal_id, view._internal_name = (known.get(key, "") for key in ("report", "view", "name"))
    content = {"report": spec(report), "view": spec(view)}
    write_json(file, content | {"sent": sent})
    if problem := why_offline(wandb):
        say(f"W&B: {problem}, so nothing was sent. Report and view: {file}. To send runs and report, type:")
        say(f"  wandb login\n  make wandb-sync\n  {call}")
        return
    try:
        report.save()
        view.save()
    except Exception as error:  # wandb, its service and its server raise what they like
        raise UserError(
            f"W&B refused the report of {address}: {raised(error)}. Is that entity yours? Report and view: {file}."
        ) from error
    sent[address] = {"report": report.id, "view": view._internal_id, "name": view._internal_name}
    write_json(file, content | {"sent": sent})
    say("Runs that were logged offline are in it when they have been sent: make wandb-sync.")


def spec(part: Any) -> dict[str, Any]:
    """A report or a view as the server is sent it."""
    return dict(part._to_model().spec.model_dump(mode="json", by_alias=True, exclude_none=True))


def parts(comparison: Mapping[str, Any], variants: Sequence[Variant], *, entity: str, project: str) -> tuple[Any, Any]:
    """The report and the view, as objects of wandb-workspaces that have not been sent."""
    load = partial(import_extra, extra="report", purpose="wandb=ENTITY/PROJECT")
    wr, ws, expr = map(load, ("wandb_workspaces.reports.v2", "wandb_workspaces.workspaces", "wandb_workspaces.expr"))
    runs = [run for variant in variants for run in variant.runs]
    if unlogged := [run.name for run in runs if not run.record.get("wandb_id")]:
        raise UserError(
            f"{', '.join(unlogged)} was never logged to W&B, so a report cannot show it. Leave it out of runs=..., or "
            "train it with logger=wandb."
        )
    only = expr.And(expr.Metric("ID").isin([run.record["wandb_id"] for run in runs]))
    keys = grouping(variants)
    spread = {"groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}  # of the seeds, by the groups of the runs
    sections = {
        "Test scores": [wr.BarPlot(title=HEADINGS[key], metrics=[f"test/{key}"], **spread) for key in SCORES],
        "Learning curves": [wr.LinePlot(title=CURVES[key], x="epoch", y=[key], **spread) for key in CURVES],
        "IoU by class": [
            wr.BarPlot(title=name, metrics=[f"test/iou/{name}"], **spread) for name in comparison["class_names"]
        ],
    }
    if images := image_keys(runs):
        media = wr.MediaBrowser(
            title="validation", media_keys=images, mode="grid", grid_x_axis="run", grid_y_axis="step"
        )
        sections["The same validation images"] = [media]
    texts = {
        "Test scores": markdown(score_grid(comparison)),
        "Learning curves": markdown(cost_grid(comparison)),
        "IoU by class": markdown(class_grid(comparison)),
    }
    columns = [*(f"summary:test/{key}" for key in SCORES), *(f"config:{in_server(key)}" for key in keys)]
    blocks = [wr.MarkdownBlock(text="\n\n".join([*notes(comparison), provenance(comparison)]))]
    for heading, panels in sections.items():
        runset = wr.Runset(
            name="runs by variant",
            filters=only,
            groupby=[f"config.{key}" for key in keys],
            pinned_columns=columns,
        )
        text = [wr.MarkdownBlock(text=texts[heading])] if heading in texts else []
        blocks += [wr.H2(heading), *text, wr.PanelGrid(runsets=[runset], panels=panels)]
    named = title(comparison)
    report = wr.Report(entity=entity, project=project, title=named[:LONGEST], width="fluid", blocks=blocks)
    view = ws.Workspace(
        entity=entity,
        project=project,
        name="".join(" " if unicodedata.category(sign).startswith("S") else sign for sign in named[:LONGEST]),
        sections=[ws.Section(name=heading, panels=panels, is_open=True) for heading, panels in sections.items()],
        runset_settings=ws.RunsetSettings(
            filters=only, groupby=[expr.Config(key) for key in keys], pinned_columns=columns
        ),
    )
    return report, view


def in_server(key: str) -> str:
    """A setting as W&B's tables address it: the first part holds a value, in which the others are."""
    first, dot, rest = key.partition(".")
    return f"{first}.value{dot}{rest}"


def grouping(variants: Sequence[Variant]) -> list[str]:
    """The settings that tell the variants apart: the net's name, and those in which variants of one net differ."""
    families: dict[str, list[dict[str, Any]]] = {}
    for variant in variants:
        families.setdefault(str(variant.settings["model.name"]), []).append(variant.settings)
    more = (key for family in families.values() for key in differing(family))
    return list(dict.fromkeys(["model.name", *more]))


def image_keys(runs: Sequence[FinishedRun]) -> list[str]:
    """The keys of validation images that every run has logged, as W&B's folders beside the runs tell."""
    keys = []
    for run in runs:
        parts = (run.folder.parent / "wandb").glob(f"*run-*-{run.record['wandb_id']}/files/media/images")
        files = [file.relative_to(part).as_posix() for part in parts for file in part.glob("val/**/*.jpg")]
        keys.append({match[1] for file in files if (match := IMAGE.fullmatch(file))})
    return sorted(set.intersection(*keys))[:SHOWN]
