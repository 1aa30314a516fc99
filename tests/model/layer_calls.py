"""Run every distinct layer call of the shipped nets in bfloat16 and compare it with float32.

``python tests/model/layer_calls.py [NET ...]`` calls each convolution and score layer of each net, forward and
backward, on the shapes that images of odd sizes give it, in child processes: a call that corrupts memory ends its
child, not the script. Expect one line per net: the number of calls, and those that differ, give nan or crash.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

SIZES = ((1, 3, 61, 97), (4, 3, 33, 47))  # batch, channels, height, width
TOLERANCE = 0.05  # of the largest value; bfloat16 keeps 8 bits


def cpu() -> str:
    """The processor's name, and whether it has AMX, on which one of the calls writes past its memory."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{name}, {'with' if any('amx_bf16' in line for line in lines) else 'without'} amx_bf16"


def shipped() -> dict[str, list[str]]:
    """Overrides of ``fcnlab.train`` for every net in conf/model, FCN-8s standing for its kind, over every backbone."""
    from fcnlab.cli.compose import CONF

    nets = {
        f"fcn8s/{p.stem}": ["model=fcn8s", f"model/backbone={p.stem}"] for p in (CONF / "model/backbone").glob("*.yaml")
    }
    nets |= {p.stem: [f"model={p.stem}"] for p in (CONF / "model").glob("*.yaml") if "[foreign" in p.read_text()}
    return dict(sorted(nets.items()))


def record(
    overrides: list[str], sizes: tuple[tuple[int, ...], ...], classes: int
) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """The distinct calls of a net's convolutions: layer and shape of what it gets."""
    from fcnlab.cli.compose import build, compose
    from fcnlab.model.fcn import ScoreLayer

    net = build(compose("train", overrides).model, num_classes=classes).train()
    calls: dict[str, tuple[nn.Module, tuple[int, ...]]] = {}

    def keep(layer: nn.Module, inputs: tuple[torch.Tensor, ...], _: object) -> None:
        shape = tuple(inputs[0].shape)
        calls.setdefault(f"{layer} {tuple(layer.weight.shape)} {shape}", (layer, shape))

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | ScoreLayer):
            layer.register_forward_hook(keep)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.eval()  # takes a map of one element too
    with torch.no_grad():
        for size in sizes:
            net(torch.zeros(size))
    return list(calls.values())


def compare(layer: nn.Module, shape: tuple[int, ...]) -> str:
    """What is wrong with one call; empty if nothing is."""
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    x = torch.randn(shape)
    results = []
    for low in (False, True):
        given = x.clone().requires_grad_()
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            y = layer(given).float()
        y.square().mean().backward()
        gradients = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
        results.append([y.detach(), given.grad, *gradients])
    for name, exact, close in zip(
        ("output", "input's gradient", "weight's gradient", "bias's gradient"), *results, strict=False
    ):
        if not close.isfinite().all():
            return f"{name} is not finite"
        if (off := (exact - close).abs().max() / exact.abs().max().clamp(min=1e-12)) > TOLERANCE:
            return f"{name} is off by {off:.2f}"
    return ""


def child(path: str, start: int) -> None:
    """Compare the calls of a file from ``start`` on; a line for each, before it and after it."""
    for number, (layer, shape) in enumerate(torch.load(path, weights_only=False)):
        if number >= start:
            print(json.dumps({"begins": number, "call": f"{layer} on {shape}"}), flush=True)
            print(json.dumps({"ended": number, "wrong": compare(layer, shape)}), flush=True)


def check(
    name: str, overrides: list[str], sizes: tuple[tuple[int, ...], ...] = SIZES, classes: int = 2
) -> dict[str, Any]:
    """Compare all calls of a net in child processes; after a child that dies another goes on."""
    wrong, start = [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.pt"
        calls = record(overrides, sizes, classes)
        for layer, _ in calls:
            layer._forward_hooks.clear()
        torch.save(calls, path)
        while start < len(calls):
            words = [sys.executable, __file__, "--child", str(path), str(start)]
            ended = subprocess.run(words, capture_output=True, text=True, check=False)
            lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
            texts = {line["begins"]: line["call"] for line in lines if "begins" in line}
            wrong += [f"{texts[line['ended']]}: {line['wrong']}" for line in lines if line.get("wrong")]
            start = max(texts, default=start) + 1
            if ended.returncode:
                last = texts.get(start - 1, f"before its first call: {ended.stderr[-300:]}")
                wrong.append(f"{last}: process ended with {ended.returncode}")
    return {"net": name, "calls": len(calls), "wrong": wrong}


def main() -> None:
    """Check the nets that are named, or all."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]))
        return
    nets = shipped()
    print(f"torch {torch.__version__} on {cpu()}")
    for name in sys.argv[1:] or nets:
        result = check(name, nets[name])
        print(
            f"{name}: {result['calls']} calls, {len(result['wrong'])} wrong", *result["wrong"], sep="\n  ", flush=True
        )


if __name__ == "__main__":
    main()
