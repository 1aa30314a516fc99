"""How good a perfect predictor of a coarse stride could be: ``python -m fcnlab.upper_bound data=voc``.

Expect the mean IU by stride, for VOC beside the paper's (arXiv:1411.4038v2, appendix A). Only masks are read.

Examples::

    python -m fcnlab.upper_bound data=shapes
    python -m fcnlab.upper_bound data=voc data.root=DIR
    python -m fcnlab.upper_bound data=folder data.root=DIR split=val strides=[32,16,8]

Read on: src/fcnlab/data/README.md (data sets), conf/experiment/README.md (results).
"""

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.sweep.jobs import Sweep

# Mean IU, percent, on the 736 images of seg11valid.
PAPER = {"voc": {128: 50.9, 64: 73.3, 32: 86.1, 16: 92.8, 8: 96.4, 4: 98.5}}
PROTOCOL = (
    "Each cell of stride x stride pixels, from the upper left corner, takes the label of most of its pixels, void "
    "being a label of its own. The cells' one-hot maps are upsampled bilinearly to the mask's size, and each pixel "
    "takes the largest (of equals the lower label, void last). A pixel counts by its true label only, so that true "
    "void is left out and predicted void is wrong. One confusion matrix over all masks."
)


def upper_bound(cfg: DictConfig) -> dict[int, float]:
    """Mean IU by stride, fractions of 1."""
    from threading import Lock

    import numpy as np
    import torch

    from fcnlab.cli.compose import build, plain
    from fcnlab.cli.progress import progress
    from fcnlab.cli.terminal import say, show_table
    from fcnlab.data.coarse import through_stride
    from fcnlab.data.contents import in_order
    from fcnlab.data.datamodule import VOID
    from fcnlab.data.loading import usable_cores
    from fcnlab.metric.segmentation import count_pairs

    config = plain(cfg)
    split, strides = config["split"], config["strides"]
    data = build(config["data"])
    data.prepare_data()
    predicted_void = len(data.class_names)  # a column of its own, so that it is no class's false positive
    pairs = {stride: torch.zeros(predicted_void + 1, predicted_void + 1, dtype=torch.int64) for stride in strides}
    images, number, masks, reading = 0, len(data.samples(split)), iter(data.masks(split)), Lock()

    def count(_: int) -> list[torch.Tensor]:
        """Pairs of true and predicted labels of the next mask, by stride."""
        with reading:
            mask = next(masks, None)
        if mask is None:  # one that could not be read was forgiven
            return []
        truth, table = torch.from_numpy(mask).long(), np.arange(256)
        table[VOID] = predicted_void
        seen = [torch.from_numpy(table[through_stride(mask, stride)]) for stride in strides]
        return [count_pairs(prediction, truth, predicted_void + 1) for prediction in seen]

    looks = in_order(count, number, threads=usable_cores())
    for counted in progress(looks, total=number, what=f"masks of {data.name}, {split}"):
        images += bool(counted)
        for stride, found in zip(strides, counted, strict=False):
            pairs[stride] += found
    bound = {}
    for stride in strides:
        hit, true, predicted = (n.double() for n in (pairs[stride].diag(), pairs[stride].sum(1), pairs[stride].sum(0)))
        union = (true + predicted - hit)[:predicted_void]  # of the classes
        bound[stride] = (hit[:predicted_void] / union)[union > 0].mean().item()
    say(f"Upper bound on {data.name}, {split}, {images} masks")
    paper = PAPER.get(data.name, {})
    columns = ["stride", "mean IU", *(["the paper, 736 masks"] if paper else [])]
    rows = [[str(n), f"{100 * iou:.1f} %", str(paper.get(n, "-"))] for n, iou in bound.items()]
    show_table("", columns, [row[: len(columns)] for row in rows], words=0)
    say(PROTOCOL)
    return bound


main = command(upper_bound, jobs=Sweep)

if __name__ == "__main__":
    main()
