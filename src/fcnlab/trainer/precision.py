"""Device, precision and memory order: what ``auto`` means on the machine at hand."""

from typing import Any

import torch

from fcnlab.cli.terminal import say
from fcnlab.error import UserError
from fcnlab.run.name import precision_name


def on_gpu(accelerator: str) -> bool:
    """Whether ``trainer.accelerator`` means an NVIDIA (or ROCm) GPU here."""
    return accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def resolve_precision(precision: str | int | None, accelerator: str) -> str:
    """Lightning's name of a precision: 32 is 32-true, 16 is 16-mixed; ``auto`` is what the device computes fast in.

    That is bf16-mixed where the device has it, else 32-true on a CPU and 16-mixed on a GPU.
    """
    given, precision = precision, precision_name(precision)
    if precision == "16-mixed" and not on_gpu(accelerator):
        raise UserError(f"trainer.precision={given} needs a GPU: CPUs have no fast float16. Use bf16-mixed or 32-true.")
    on_cpu = not on_gpu(accelerator) and (accelerator == "cpu" or not torch.backends.mps.is_available())
    slow = on_cpu and not torch.cpu._is_avx512_bf16_supported()
    if precision != "auto":
        if precision.startswith("bf16") and slow:
            say(f"trainer.precision={precision}: this CPU has no bfloat16 of its own; 32-true is likely to be faster.")
        return precision
    if on_gpu(accelerator):
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "bf16-mixed" if on_cpu and not slow else "32-true"


def prefers_channels_last(config: dict[str, Any]) -> bool:
    """``channels_last: auto`` means: in 16-bit, where it is faster; in 32-bit it is slower on CPUs."""
    if config["channels_last"] == "auto":
        settings = config["trainer"]
        return "16" in resolve_precision(settings["precision"], settings["accelerator"])
    return bool(config["channels_last"])
