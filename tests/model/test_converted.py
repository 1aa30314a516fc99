"""State dicts of pytorch-fcn: they give the reference logits, and evaluate and predict take them as they are."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command
from model.test_fcn import GOLDEN, SIZES, VARIANTS, formula, formula_image, relative_error, variant
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d, relu

from fcnlab.model.card import Check
from fcnlab.model.source import INPUTS
from fcnlab.model.weights import load_weights

CLASSES = 5
# The upsampling of torchfcn.models.FCN32s, FCN16s, FCN8s and FCN8sAtOnce: name and kernel, in the order of use.
UPSAMPLING = {
    "fcn32s": {"upscore": 64},
    "fcn16s": {"upscore2": 4, "upscore16": 32},
    "fcn8s": {"upscore2": 4, "upscore_pool4": 4, "upscore8": 16},
}
UPSAMPLING["fcn8s_atonce"] = UPSAMPLING["fcn8s"]
FILES = {name: f"{name.replace('_', '-')}_from_caffe.pth" for name in VARIANTS}
NARROW = ("model.backbone.width=0.05", "model.backbone.fc_channels=16")
State = dict[str, torch.Tensor]


def torchfcn_state(name: str, *overrides: str) -> State:
    """What ``torch.save(model.state_dict())`` of pytorch-fcn holds: Caffe's names, dense upsampling kernels."""
    net = variant(name, *overrides)
    state = {n.removeprefix("backbone."): p for n, p in net.named_parameters()}
    state = {n: formula(n, tuple(p.shape)) for n, p in state.items()}
    for layer, size in UPSAMPLING[name].items():
        ramp = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
        state[f"{layer}.weight"] = torch.outer(ramp, ramp) * torch.eye(CLASSES)[:, :, None, None]
    return state


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four files, of nets of a twentieth of the width."""
    folder = tmp_path_factory.mktemp("torchfcn")
    for name, file in FILES.items():
        # In the format of torch before 1.6, as the real files are.
        torch.save(torchfcn_state(name, *NARROW), folder / file, _use_new_zipfile_serialization=False)
    return folder


def loaded_logits(name: str, file: Path, place: tuple[int, int, int], *overrides: str) -> np.ndarray:
    """What the net gives that took its weights from a file, for a formula image (BGR, less its mean)."""
    net = variant(name, "model.backbone.padding=100", *overrides).eval()
    report = load_weights(net, str(file), **asdict(INPUTS["caffe_fcn"]))
    assert report.coerced == []
    assert report.bilinear == [f"{layer}.weight" for layer in UPSAMPLING[name]]
    assert report.dropped == report.initial == []
    with torch.no_grad():
        return net(formula_image(*place))[0].numpy()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_narrow_file_gives_the_golden_logits(name: str, narrow: Path) -> None:
    logits = loaded_logits(name, narrow / FILES[name], SIZES["seed0_33x57"], *NARROW)
    assert relative_error(logits, np.load(GOLDEN)[name]) < 1e-5


@pytest.mark.slow
def test_a_file_of_full_width_gives_the_reference_logits(test_data: Path, tmp_path: Path) -> None:
    file = tmp_path / FILES["fcn8s"]
    torch.save(torchfcn_state("fcn8s"), file)
    reference = np.load(test_data / "reference" / "fcn_reference_logits.npz")["fcn8s/seed1_64x64"]
    assert relative_error(loaded_logits("fcn8s", file, SIZES["seed1_64x64"]), reference) < 1e-5
    file.unlink()  # half a gigabyte


def torchfcn_logits(state: State, image: torch.Tensor) -> torch.Tensor:
    """FCN-8s as the prototxt writes it: every size, crop and kernel a number. Image (1, 3, H, W) BGR less its mean."""

    def layer(name: str, x: torch.Tensor, padding: int = 0) -> torch.Tensor:
        return conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    x, pools = image, []
    for stage, depth in enumerate((2, 2, 3, 3, 3), start=1):
        for i in range(1, depth + 1):
            x = relu(layer(f"conv{stage}_{i}", x, 100 if (stage, i) == (1, 1) else 1))
        x = max_pool2d(x, 2, 2, ceil_mode=True)
        pools.append(x)
    x = layer("score_fr", relu(layer("fc7", relu(layer("fc6", x)))))
    for skip, pool, up, crop in (("score_pool4", 3, "upscore2", 5), ("score_pool3", 2, "upscore_pool4", 9)):
        x = conv_transpose2d(x, state[f"{up}.weight"], stride=2)
        x = x + layer(skip, pools[pool])[..., crop : crop + x.shape[2], crop : crop + x.shape[3]]
    x = conv_transpose2d(x, state["upscore8.weight"], stride=8)
    return x[..., 31 : 31 + image.shape[2], 31 : 31 + image.shape[3]]


def test_the_net_written_out_gives_the_golden_logits(narrow: Path) -> None:
    state = torch.load(narrow / FILES["fcn8s"], weights_only=True)
    logits = torchfcn_logits(state, formula_image(*SIZES["seed0_33x57"]))[0].numpy()
    assert relative_error(logits, np.load(GOLDEN)["fcn8s"]) < 1e-5


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coloured images of their own sizes with masks of five classes and void."""
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    (root / "classes.txt").write_text("a\nb\nc\nd\ne\n")
    for kind in ("images", "masks", "lists"):
        (root / kind).mkdir()
    for i, size in enumerate(((40, 57), (33, 64), (51, 30))):
        image = np.asarray(PIL.Image.fromarray(random.integers(0, 256, (4, 5, 3), np.uint8)).resize(size[::-1]))
        PIL.Image.fromarray(image).save(root / "images" / f"{i}.png")
        mask = random.integers(0, 6, size, np.uint8)
        mask[mask == 5] = 255
        PIL.Image.fromarray(mask).save(root / "masks" / f"{i}.png")
    for split in ("train", "val", "test"):
        (root / "lists" / f"{split}.txt").write_text("0\n1\n2\n")
    return root


def prediction(state: State, file: Path) -> np.ndarray:
    """What pytorch-fcn would predict for an image in a file."""
    bgr = np.asarray(PIL.Image.open(file))[..., ::-1].astype(np.float32)
    image = torch.from_numpy((bgr - np.float32([104.00699, 116.66877, 122.67892])).transpose(2, 0, 1)[None])
    return torchfcn_logits(state, image)[0].argmax(0).numpy()


def words(photos: Path, *more: str) -> list[str]:
    data = ["data=folder", f"data.root={photos}", "data.lists=lists"]
    return [*data, *NARROW, "trainer.enable_progress_bar=false", *more]


def test_evaluate_scores_the_file_as_its_authors_would(narrow: Path, photos: Path, command: Command) -> None:
    file = narrow / FILES["fcn8s"]
    outcome = command("evaluate", f"checkpoint={file}", "model=fcn8s", "output=here", *words(photos))
    assert outcome.code == 0, outcome.text
    assert "made for caffe_fcn input" in outcome.text
    assert "bilinear 3: upscore2, upscore_pool4, upscore8; dropped 0; initial 0" in outcome.text
    counts, state = np.load("here/counts.npz"), torch.load(file, weights_only=True)
    for i in range(3):
        mask = np.asarray(PIL.Image.open(photos / "masks" / f"{i}.png"))
        ours = prediction(state, photos / "images" / f"{i}.png")
        known = mask < 255
        expected = np.bincount(ours[known], minlength=CLASSES)
        assert (expected > 0).sum() > 1
        assert np.abs(counts["predicted"][i] - expected).sum() <= 2  # a tie may round either way
        right = np.bincount(mask[known & (ours == mask)], minlength=CLASSES)
        assert np.abs(counts["true_positive"][i] - right).sum() <= 2


def test_predict_takes_such_a_file_too(narrow: Path, photos: Path, command: Command) -> None:
    file = narrow / FILES["fcn8s"]
    wanted = [f"images={photos}/images", "output=masks"]
    outcome = command("predict", f"checkpoint={file}", "model=fcn8s", *wanted, *words(photos))
    assert outcome.code == 0, outcome.text
    expected = prediction(torch.load(file, weights_only=True), photos / "images" / "1.png")
    assert (np.asarray(PIL.Image.open("masks/1.png")) != expected).sum() <= 2


def test_an_export_of_such_a_file_claims_no_recipe(
    narrow: Path, photos: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcnlab.export.write_onnx", lambda net, file, facts: file.touch())
    monkeypatch.setattr("fcnlab.export.check", lambda *_, **__: [Check((1, 3, 5, 7), 1e-6, 2.0)])
    file = f"checkpoint={narrow / FILES['fcn8s']}"
    outcome = command("export", file, "model=fcn8s", "output=out", *words(photos))
    assert outcome.code == 0, outcome.text
    card = Path("out/model_card.md").read_text()
    assert card.count("Unknown") == 3  # scores, recipe, initial weights
    for claim in ("trained with fcnlab", "He initialisation", "batch_size"):
        assert claim not in card


def test_an_override_wins_over_what_the_file_tells(narrow: Path, photos: Path, command: Command) -> None:
    file = f"checkpoint={narrow / FILES['fcn8s']}"
    told = command("evaluate", file, "model=fcn8s", *words(photos))
    typed = command("evaluate", file, "model=fcn8s", *words(photos, "model.backbone.padding=same"))
    assert told.code == typed.code == 0
    assert told.value != typed.value


@pytest.mark.parametrize(
    ("file", "named", "message"),
    [
        ("fcn8s", ["model=fcn16s"], "is not the whole of model=fcn16s"),
        ("fcn16s", ["model=fcn8s"], "initial 2: score_pool3"),
        ("fcn32s", ["model=fcn32s", "model/backbone=resnet18"], "the net's score_fr.weight has (5, 512, 1, 1)"),
        ("fcn8s_atonce", ["model=fcn8s"], "at-once by its name"),
        ("fcn8s", ["model=fcn8s", "data=shapes"], "dropped 6: score_fr, score_pool4, score_pool3; initial 6: score_fr"),
        ("fcn8s", ["model=fcn8s", "data=nothing"], "There is no data=nothing"),
    ],
)
def test_what_does_not_fit_the_file_is_refused(
    file: str, named: list[str], message: str, narrow: Path, photos: Path, command: Command
) -> None:
    has_data = any(word.startswith("data=") for word in named)
    rest = [word for word in words(photos) if not (has_data and word.startswith("data"))]
    rest = [word for word in rest if not ("model/backbone=resnet18" in named and word.startswith("model"))]
    outcome = command("evaluate", f"checkpoint={narrow / FILES[file]}", *named, *rest)
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text


def test_net_and_data_must_be_named(narrow: Path, command: Command) -> None:
    for named in ([], ["model=fcn8s"], ["data=shapes"]):
        outcome = command("evaluate", f"checkpoint={narrow / FILES['fcn8s']}", *named)
        assert outcome.code == 1
        assert "Name the net and the data beside it (model=... data=...)" in outcome.text


class Bomb:
    """Unpickling it would run code."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_a_foreign_file_runs_no_code(photos: Path, command: Command) -> None:
    torch.save({"conv1_1.weight": Bomb()}, "bomb.pth")
    outcome = command("evaluate", "checkpoint=bomb.pth", "model=fcn8s", *words(photos))
    assert outcome.code == 1
    assert "Cannot read" in outcome.text
    assert not Path("exploded").exists()
