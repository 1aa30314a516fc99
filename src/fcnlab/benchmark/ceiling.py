"""The machine's own ceiling: its best matrix product and its best copy, in the same run as what they bound."""

import torch

from fcnlab.benchmark.row import in_turn

SHAPES = ((4096, 4096, 4096), (16384, 576, 256), (8192, 2304, 512))  # a square one, and two as convolutions have them
COPIED = 2**28  # bytes: more than any cache holds
REPEATED = 50  # times on a GPU, which would else be timed at starting


def product_rate(device: torch.device, dtype: torch.dtype, rounds: int = 3, shrink: int = 1) -> float:
    """The best FLOP/s of a matrix product in ``dtype``, over a few shapes and rounds."""
    tasks, work = {}, {}
    for shape in SHAPES:
        rows, inner, columns = (max(1, side // shrink) for side in shape)
        left = torch.randn(rows, inner, device=device, dtype=dtype)
        right = torch.randn(inner, columns, device=device, dtype=dtype)
        out = torch.empty(rows, columns, device=device, dtype=dtype)
        name = f"{rows}x{inner}x{columns}"
        times = REPEATED if device.type == "cuda" else 1
        tasks[name] = lambda a=left, b=right, c=out, n=times: [torch.mm(a, b, out=c) for _ in range(n)]
        work[name] = 2 * rows * inner * columns * times
    seconds = in_turn(tasks, rounds=rounds)
    return max(work[name] / min(times) for name, times in seconds.items())


def copy_rate(device: torch.device, rounds: int = 3, shrink: int = 1) -> float:
    """The best bytes/s of a copy, read and written bytes counted."""
    source = torch.ones(COPIED // 4 // shrink, device=device)
    target = torch.empty_like(source)
    times = REPEATED if device.type == "cuda" else 1
    seconds = in_turn({"copy": lambda: [target.copy_(source) for _ in range(times)]}, rounds=rounds)["copy"]
    return 2 * source.nbytes * times / min(seconds)
