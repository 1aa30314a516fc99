"""Write a checkpoint as ONNX: ``python -m fcnlab.export checkpoint=runs/<name>/checkpoints/best.ckpt``.

Expect ``model.onnx`` (images of any number, height and width; class names, palette and normalisation in its metadata)
and ``model_card.md``. Unless onnxruntime gives the original's logits on all of ``shapes``, nothing is written.

Examples::

    python -m fcnlab.export checkpoint=runs/NAME/checkpoints/best.ckpt
    python -m fcnlab.export checkpoint=runs/NAME/checkpoints/best.ckpt output=exported
    python -m fcnlab.export checkpoint=fcn8s_from_caffe.pth model=fcn8s data=voc output=exported

Read on: src/fcnlab/model/README.md (export, the authors' nets, trust).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.model.choices import checkpoint_choices
from fcnlab.sweep.jobs import Sweep

if TYPE_CHECKING:
    from torch import nn

    from fcnlab.model.card import Check


def export(cfg: DictConfig) -> str:
    """Export ``cfg.checkpoint`` to ``cfg.output`` and check it; returns the path of the ONNX file."""
    import tempfile

    from fcnlab.cli.compose import plain
    from fcnlab.cli.terminal import say
    from fcnlab.error import UserError, import_extra
    from fcnlab.model.card import model_card
    from fcnlab.model.exported import is_exported
    from fcnlab.run.files import write_atomic
    from fcnlab.task.build import load_task

    config = plain(cfg)
    for package in ("onnx", "onnxscript", "onnxruntime"):
        import_extra(package, "export", "fcnlab.export")
    if is_exported(config["checkpoint"]):
        raise UserError(f"checkpoint={config['checkpoint']} is exported already. Give the checkpoint it came from.")
    task, facts, trained = load_task(config, trust=config["trust"])
    if facts.get("heads"):
        raise UserError(
            f"checkpoint={config['checkpoint']} has the heads {', '.join(facts['heads'])} beside its first, and an "
            "exported net has one output. Use the checkpoint itself: fcnlab.predict writes the masks of all heads."
        )
    net = getattr(task, "net", task)
    saved = {"config": trained, "order": "RGB", "scale": 1.0} | facts
    checkpoint = Path(config["checkpoint"]).expanduser().absolute()
    run = checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent
    record, metrics = what_is_known(checkpoint, trained)
    output = Path(config["output"]).expanduser() if config["output"] else run / "export"
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output) as scratch:
            file = Path(scratch) / "model.onnx"
            write_onnx(net.eval(), file, saved | {"image_size": config["data"]["image_size"]})
            checks = check(net, file, config["shapes"], config["tolerance"], channels=len(facts["mean"]))
            write_atomic(output / "model_card.md", model_card(saved, record, metrics, checks))
            file.replace(output / "model.onnx")
    except OSError as error:
        raise UserError(f"Cannot write to output={output}: {error}. Set output=... to a folder of yours.") from error
    worst = max(one.difference for one in checks)
    say(f"The same logits as the original on {len(checks)} shapes; largest difference {worst:.1e}.")
    say(f"Exported: {output / 'model.onnx'}")
    say(f"Card:     {output / 'model_card.md'}")
    return str(output / "model.onnx")


def what_is_known(checkpoint: Path, config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Record and scores of a checkpoint: nothing outside its own run folder, no scores if another was scored.

    Args:
        config: that of its run.
    """
    from fcnlab.run.files import read_json, read_scores

    run = checkpoint.parent.parent
    record = read_json(run / "record.json") if checkpoint.parent.name == "checkpoints" else {}
    if record.get("name") != run.name:
        return {}, {}
    best = config.get("score") == "best" and (checkpoint.parent / "best.ckpt").is_file()
    scored = checkpoint.name == ("best.ckpt" if best else "last.ckpt")
    return record, read_scores(run / "metrics.json") if scored else {}


def write_onnx(net: "nn.Module", file: Path, facts: dict[str, Any]) -> None:
    """Write ``net`` in evaluation mode as one file, its number, height and width of images free."""
    import json
    import warnings

    import onnx
    import torch

    from fcnlab.model.exported import FACTS

    free = {0: "images", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's talk to its own authors
        torch.onnx.export(
            net,
            (torch.zeros(2, len(facts["mean"]), 83, 118),),  # its free sizes must not be 0, 1 or a multiple of a stride
            file,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=(free,),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, {key: json.dumps(facts[key]) for key in FACTS})
    onnx.save(model, str(file))


def check(
    net: "nn.Module", file: Path, shapes: list[list[int]], tolerance: float, *, channels: int = 3
) -> "list[Check]":
    """Compare the file's logits with the net's on random images of every shape. Raises UserError where they differ."""
    import torch

    from fcnlab.error import UserError
    from fcnlab.model.card import Check
    from fcnlab.model.exported import ExportedNet

    exported, generator, checks = ExportedNet(file), torch.Generator().manual_seed(0), []
    for images, height, width in shapes:
        image = torch.randn(images, channels, height, width, generator=generator)
        with torch.inference_mode():
            expected, found = net(image), exported(image)
        if found.shape != expected.shape:
            raise UserError(
                f"On images {tuple(image.shape)} the exported net gives logits {tuple(found.shape)} for "
                f"{tuple(expected.shape)}. Nothing was written. Change what the exporter mistakes, or shapes=..."
            )
        one = Check(tuple(image.shape), (found - expected).abs().max().item(), expected.abs().max().item())
        checks.append(one)
        if not one.difference <= tolerance * max(1.0, one.largest):  # nan too
            raise UserError(
                f"On images {one.shape} the exported net's logits differ by {one.difference:.1e}, with logits up to "
                f"{one.largest:.1e}; tolerance={tolerance} of that is allowed. Nothing was written. Change what the "
                "exporter mistakes, or allow more: tolerance=..."
            )
    return checks


main = command(export, jobs=Sweep, choices=checkpoint_choices)

if __name__ == "__main__":
    main()
