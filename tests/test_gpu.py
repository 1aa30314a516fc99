"""What only a GPU can show (``make test-gpu``): 16 bits, resuming, no waiting, DDP, determinism, memory, compile.

Every test is skipped where torch sees no CUDA device. Nets and images are tiny: all of it takes a few minutes.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PROJECT, TINY, Command, leave_at_epoch
from torch import nn

from fcnlab.benchmark.classes import Loss
from fcnlab.callbacks.checkpoints import LastCheckpoint
from fcnlab.callbacks.history import History
from fcnlab.cli.compose import build, compose, plain
from fcnlab.loss.build import build_loss
from fcnlab.task.segmentation import SegmentationTask

pytestmark = pytest.mark.gpu
NETS = sorted(path.stem for path in (PROJECT / "conf" / "model").glob("*.yaml"))
ON_GPU = [*(word for word in TINY if not word.startswith("epochs")), "trainer=gpu", "epochs=2", "data.batch_size=4"]
ON_GPU += ["model.backbone.dropout=0"]  # whose draws differ by device and strategy
PRECISIONS = {"bf16": (torch.bfloat16, 0.03, 0.95), "fp16": (torch.float16, 0.01, 0.99)}  # loss apart, gradients alike


@pytest.fixture(autouse=True)
def gpu() -> torch.device:
    """The device, or a skip with the reason."""
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    return torch.device("cuda")


def step(net: nn.Module, image: torch.Tensor, mask: torch.Tensor, dtype: torch.dtype) -> tuple[float, torch.Tensor]:
    """The loss of one step and the gradients of all parameters, in 32 bits on the CPU."""
    device, scale = image.device, 1024.0 if dtype == torch.float16 else 1.0  # 16 bits lose what is below 6e-8
    loss = build_loss(plain(compose("train"))["loss"], num_classes=5).to(device)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        logits: Any = net(image)
    value = loss((logits["out"] if isinstance(logits, dict) else logits).float(), mask)
    (scale * value).backward()
    slopes = [p.grad.float().flatten() / scale for p in net.parameters() if p.grad is not None]
    return value.item(), torch.cat(slopes).cpu()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", NETS)
def test_a_step_in_16_bits_is_near_that_of_the_cpu_in_32(model: str, precision: str, gpu: torch.device) -> None:
    dtype, apart, alike = PRECISIONS[precision]
    config = compose("train", [f"model={model}"]).model
    torch.manual_seed(0)
    # In evaluation mode: with batches of 2, batch norm over random weights magnifies the last bit without bound.
    net, twin = (build(config, num_classes=5).eval() for _ in range(2))
    twin.load_state_dict(net.state_dict())
    image, mask = torch.randn(2, 3, 96, 96), torch.randint(0, 5, (2, 96, 96))
    expected, slopes = step(net, image, mask, torch.float32)
    found, their_slopes = step(twin.to(gpu), image.to(gpu), mask.to(gpu), dtype)
    assert found == pytest.approx(expected, rel=apart)
    assert their_slopes.isfinite().all()
    assert torch.cosine_similarity(slopes, their_slopes, dim=0) > alike


def only(runs: str) -> Path:
    (run,) = Path(runs).glob("shapes-*")
    return run


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")["state_dict"]
    return {key: tensor for key, tensor in state.items() if key.startswith("net.")}


def assert_near(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Kernels of a GPU may sum in another order each time."""
    for key, tensor in one.items():
        torch.testing.assert_close(tensor, other[key], rtol=1e-3, atol=1e-4)


def test_a_run_that_was_cut_off_in_mid_epoch_ends_as_one_that_was_not(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*ON_GPU, "checkpoint.every_n_steps=1"]
    assert command("train", *words, "runs_dir=whole").code == 0
    keep, left = LastCheckpoint.on_train_batch_end, iter(range(2))

    def breaks(self: LastCheckpoint, *arguments: Any) -> None:
        keep(self, *arguments)
        if next(left, None) is None:
            raise SystemExit("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_batch_end", breaks)
        assert command("train", *words, "runs_dir=broken").code == 1
    assert command("train", *words, "runs_dir=broken").code == 0
    assert "Going on from" in (only("broken") / "train.log").read_text()
    assert_near(weights(only("whole")), weights(only("broken")))


def test_no_step_waits_for_the_gpu(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the beginning of a batch to its end nothing synchronises: callbacks, metrics and the loss's check included.

    The check of the loss waits for an event of the step before (callbacks/finite_loss.py), which this mode does not
    count: that step has ended when the next one begins.
    """

    def begin(self: SegmentationTask, batch: Any, index: int) -> None:
        torch.cuda.set_sync_debug_mode("error" if index > 0 else "default")  # the first one sets up

    def end(self: SegmentationTask, *_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(SegmentationTask, "on_train_batch_start", begin, raising=False)
    monkeypatch.setattr(SegmentationTask, "on_train_batch_end", end, raising=False)
    try:
        outcome = command("train", *ON_GPU)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert outcome.code == 0, outcome.text


def test_ddp_on_one_gpu_trains_what_one_process_does(command: Command) -> None:
    assert command("train", *ON_GPU, "runs_dir=plain").code == 0
    words = [word for word in ON_GPU if word != "trainer=gpu"]
    assert command("train", *words, "trainer=ddp", "trainer.devices=1", "runs_dir=ddp").code == 0
    assert_near(weights(only("plain")), weights(only("ddp")))


def test_deterministic_refuses_a_kernel_by_name_or_trains_the_same_bits_twice(command: Command) -> None:
    words = [*ON_GPU, "trainer.deterministic=true", "trainer.benchmark=false"]
    first = command("train", *words, "runs_dir=first")
    if first.code:
        assert "does not have a deterministic implementation" in first.text
        return
    assert command("train", *words, "runs_dir=second").code == 0
    one, other = weights(only("first")), weights(only("second"))
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def test_chunks_take_a_tenth_of_the_memory_of_the_plain_loss() -> None:
    many = {"side": 512, "batch": 8, "classes": 150}
    plain_loss, chunked = (Loss(name, **many) for name in ("cross_entropy", "chunked_cross_entropy"))
    assert plain_loss.extra_memory() >= 10 * chunked.extra_memory()
    (expected, slope), (got, our_slope) = plain_loss.outcome(), chunked.outcome()
    assert got == pytest.approx(expected, rel=1e-6)
    assert abs(our_slope - slope).max() <= 1e-5 * abs(slope).max()


def test_a_compiled_net_trains_what_the_plain_one_does(command: Command) -> None:
    assert command("train", *ON_GPU, "runs_dir=plain").code == 0
    outcome = command("train", *ON_GPU, "compile=true", "runs_dir=compiled")
    assert outcome.code == 0, outcome.text
    assert_near(weights(only("plain")), weights(only("compiled")))


def test_an_epoch_that_was_left_is_finished_on_a_cpu_too(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(2))
        assert command("train", *ON_GPU, "runs_dir=moved").code == 1
    words = [word for word in ON_GPU if word != "trainer=gpu"]
    assert command("train", *words, "trainer.accelerator=cpu", "runs_dir=moved").code == 0
    assert "Going on from" in (only("moved") / "train.log").read_text()
