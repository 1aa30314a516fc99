"""A comparison as plain data: what each variant scored, how it differs from the coarser one, what it cost."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from fcnlab.comparison.bootstrap import paired_differences
from fcnlab.comparison.variants import Variant, coarser, differing

SCORES = ("mean_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou")


def summarise(
    variants: Sequence[Variant], left_out: Mapping[str, str], *, samples: int, rows: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything that a comparison says, in plain Python: the content of comparison.json.

    Args:
        left_out: why a run is not in it, by its name.
        samples: of the bootstrap.
        rows: what is expected and published, by model; None takes those in each run's config.
    """
    first = variants[0].runs[0]
    keys = differing([variant.settings for variant in variants])
    return {
        "experiments": sorted({run.config["experiment"] for variant in variants for run in variant.runs}),
        "data": first.config["data"]["name"],
        "test_images": len(first.images),
        "test_fingerprint": first.record["fingerprint"]["test"],
        "class_names": first.record["class_names"],
        "bootstrap_samples": samples,
        "rows": [describe(variant, coarser(variant, variants), samples) | known(variant, rows) for variant in variants],
        "settings": {key: [variant.settings.get(key) for variant in variants] for key in keys},
        "left_out": dict(left_out),
    }


def describe(variant: Variant, reference: Variant | None, samples: int) -> dict[str, Any]:
    """One variant: scores over its seeds, how it differs from ``reference``, what it cost, what it ran on."""
    runs = variant.runs
    absent = runs[0].config["task"].get("absent_classes", "wrong")
    differences = (
        paired_differences(variant.counts, reference.counts, samples=samples, absent=absent) if reference else {}
    )
    classes = [f"test/iou/{name}" for name in runs[0].record["class_names"]]
    return {
        "variant": variant.name,
        "runs": [run.name for run in runs],
        "seeds": [run.config["seed"] for run in runs],
        "scores": {name: spread([run.metrics[f"test/{name}"] for run in runs]) for name in SCORES},
        "iou": {
            key.removeprefix("test/iou/"): spread([run.metrics[key] for run in runs if key in run.metrics])
            for key in classes
        },
        "heads": {
            head: {name: spread([run.metrics[f"test/{head}/{name}"] for run in runs]) for name in SCORES}
            for head in runs[0].config["data"].get("heads") or {}
        },
        "difference_to": reference.name if reference else None,
        "difference": {name: interval._asdict() for name, interval in differences.items()},
        "epochs": max(int(run.history[-1]["epoch"]) + 1 for run in runs),  # early stopping may end one sooner
        "seconds": spread([run.record["seconds"] for run in runs]),
        "seconds_per_image": spread([s for run in runs if (s := run.record["seconds_per_image"]) is not None]),
        **{key: runs[0].record[key] for key in ("parameters", "precision")},
        **{key: distinct([run.record[key] for run in runs]) for key in ("device", "python")},
        "versions": distinct([", ".join(f"{k} {v}" for k, v in run.record["versions"].items()) for run in runs]),
        "code": distinct([f"{run.record['source_hash']} {run.record['lock_hash']}" for run in runs]),
        "earlier_code": [run.name for run in runs if run.record.get("earlier_code")],
        "commit": distinct(
            [run.record["commit"][:10] + (" and changes" if run.record["diff"] else "") for run in runs]
        ),
    }


def known(variant: Variant, rows: Mapping[str, Any] | None) -> dict[str, Any]:
    """The scores that the experiment expects of a variant, and those that were published."""
    first = variant.runs[0]
    row = first.config.get("row") if rows is None else rows.get(first.model["name"])
    return {key: (row or {}).get(key) for key in ("expected", "published")}


def checks(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each expected score of a row: expected, tolerance, got (mean over the seeds), and whether it is within."""
    expected = dict(row["expected"] or {})
    tolerance = expected.pop("tolerance", 0.0)
    found = []
    for score, value in expected.items():
        got = row["scores"][score]["mean"]
        within = abs(got - value) <= tolerance
        found.append({"score": score, "expected": value, "tolerance": tolerance, "got": got, "within": within})
    return found


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Number, mean and sample standard deviation of the seeds' values."""
    deviation = stdev(values) if len(values) > 1 else None
    return {"n": len(values), "mean": mean(values) if values else None, "std": deviation}


def distinct(values: Sequence[str]) -> list[str]:
    """Each value once, in order."""
    return list(dict.fromkeys(values))
