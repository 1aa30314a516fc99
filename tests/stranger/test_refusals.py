"""What cannot work is told with value, rule and hint, never by a stack: parts that a stranger brings wrongly."""

import pytest
from stranger.brought import refused  # noqa: F401

OPTIM = "optim.optimizer={_target_: torch.optim.%s}"
CALLBACK = "+callbacks.x={_target_: %s}"
BROUGHT = {
    # losses
    "log-probabilities": (
        ["loss=smooth", "loss._target_=torch.nn.NLLLoss", "~loss.label_smoothing"],
        "given logits. Take",
    ),
    "another shape": (["loss=jaccard", "loss.mode=binary"], "loss=JaccardLoss does not take logits (4, 3, 32, 32)"),
    "a backward pass that fails": (
        ["loss._target_=mylab.overwritten", "~loss.reduction", "loss.class_weights=null", "+loss._partial_=true"],
        "The backward pass of the loss fails: RuntimeError: one of the variables needed for gradient computation",
    ),
    "no mode": (["loss=jaccard", "~loss.mode"], "JaccardLoss is not given 'mode'. Set it in YAML"),
    "no _partial_": (["loss=functional", "~loss._partial_"], "has _partial_: true"),
    "a list for a tensor": (
        ["loss=smooth", "+loss.weight=[1,2,3]"],
        "Write loss.weight={_target_: torch.tensor, data:",
    ),
    "a key of another file": (["loss._target_=torch.nn.CrossEntropyLoss"], "has set it, choose a file of your own"),
    "a value of another file": (
        ["optim.optimizer._target_=torch.optim.RMSprop"],
        "has set it, take it out: ~optim.optimizer.fused",
    ),
    # metrics
    "probabilities": (
        ["+metrics.x={_target_: torchmetrics.AUROC, task: multiclass}"],
        "metrics.x (MulticlassAUROC) does not take predicted and true labels, both (4, 32, 32) whole numbers",
    ),
    "positions": (
        ["+metrics.x={_target_: torchmetrics.segmentation.HausdorffDistance, input_format: index}"],
        "metrics.x (HausdorffDistance) does not take predicted and true labels",
    ),
    "a matrix": (["+metrics.x={_target_: torchmetrics.ConfusionMatrix, task: multiclass}"], "gives a tensor (3, 3)"),
    # optimisers and schedulers
    "decay": ([OPTIM % "Rprop", "~optim.optimizer.fused"], "optim.weight_decay=0.01 has no use: Rprop takes none"),
    "matrices": (
        [OPTIM % "Muon", "~optim.optimizer.fused"],
        "optim.optimizer: Muon cannot be built: Muon only supports 2D",
    ),
    "sparse": (
        [OPTIM % "SparseAdam", "~optim.optimizer.fused", "optim.weight_decay=0"],
        "SparseAdam of torch.optim.sparse_adam fails in step: RuntimeError: SparseAdam does not support dense",
    ),
    "no recipe": (["task=alone", "+task.optim=1"], "There is no setting 'task.optim'"),
    "no scheduler": (
        ["scheduler=exponential", "scheduler.scheduler._target_=builtins.dict", "~scheduler.scheduler.gamma"],
        "scheduler.scheduler builds a dict. It must be a scheduler",
    ),
    # callbacks and loggers
    "a bug": (
        [CALLBACK % "mylab.Fails"],
        "Fails of mylab fails in on_train_batch_end: RuntimeError: a bug. trace=true",
    ),
    "a score nobody logs": (
        [CALLBACK % "lightning.pytorch.callbacks.EarlyStopping, monitor: val/los"],
        "callbacks.x.monitor=val/los is not among what SegmentationTask logs in a validation. Did you mean val/loss",
    ),
    "an end before the beginning": (
        [CALLBACK % "lightning.pytorch.callbacks.Timer, duration: {seconds: 0}"],
        "ended before its first epoch did: there is nothing to test",
    ),
    "a bar that is switched off": (
        [CALLBACK % "lightning.pytorch.callbacks.RichProgressBar"],
        "callbacks has a RichProgressBar, but trainer.enable_progress_bar=false",
    ),
    "a package that lacks": (
        ["+logger.x={_target_: lightning.pytorch.loggers.CometLogger}"],
        "lightning.pytorch.loggers.CometLogger needs a package that is not here",
    ),
    "a pruned net that is not kept": (
        [CALLBACK % "lightning.pytorch.callbacks.ModelPruning, pruning_fn: l1_unstructured"],
        "best.ckpt is the net before it. Set score=last",
    ),
    "a state that could not be read again": (
        [CALLBACK % "mylab.Hoards"],
        "last.ckpt would hold pathlib.",
    ),
    # where it does not stand
    "a list": (["callbacks=[{_target_: x.Y}]"], "Each object has a name: 'callbacks={mine: {_target_: x.Y}}'"),
    "no name": (["metrics={_target_: x.Y}"], "Give it one: 'metrics.mine={_target_: x.Y}'"),
    "true": (["logger=true"], "a group is a choice among files. Write logger=none"),
    "a slash": (["model/backbone={_target_: x.Y}"], "written with a dot: model.backbone={_target_: x.Y}"),
    "one of timm's": (["model/backbone=regnety_002"], "is model/backbone=timm model.backbone.name=NAME"),
    "a backbone of another library": (
        [
            "model.backbone={_target_: torchvision.models.resnet18}",
            "~model.backbone.width",
            "~model.backbone.fc_channels",
        ],
        "model.backbone builds a torchvision.models.resnet.ResNet. It must be a fcnlab.model.backbone.Backbone",
    ),
    "a net": (["model.net={_target_: x.Y}"], "Add model=foreign, which takes a net of another library"),
    "a scheduler alone": (
        ["scheduler={_target_: torch.optim.lr_scheduler.StepLR, step_size: 3}", "~scheduler.warmup"],
        "Write 'scheduler.scheduler={_target_: torch.optim.lr_scheduler.StepLR, step_size: 3}' scheduler.interval=",
    ),
    "a clustering": (
        ["+metrics.x={_target_: torchmetrics.clustering.NormalizedMutualInfoScore}"],
        "metrics.x (NormalizedMutualInfoScore) gives no value of the batches that it was given: RuntimeError",
    ),
    # data
    "data of another kind": (
        ["data._target_=mylab.OwnData"],
        "There is no setting 'data.images', for mylab.OwnData takes none such",
    ),
}
FAST = (
    *("another shape", "a bug", "a state that could not be read again", "a list", "no name", "true", "a slash"),
    *("one of timm's", "a backbone of another library", "a net", "a scheduler alone", "a clustering"),
)


@pytest.mark.parametrize(
    "case", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in BROUGHT]
)
def test_it_is_told(case: str, refused) -> None:  # noqa: F811
    words, message = BROUGHT[case]
    assert message in refused(*words)


NETS = {
    "a bug": ("{_target_: mylab.Quarter, wrong: 1}", "There is no setting 'model.net.wrong'"),
    "too small an image": (
        "{_target_: segmentation_models_pytorch.PAN, encoder_name: resnet18, encoder_weights: null}",
        "model=foreign cannot run on images (2, 3, 32, 32): RuntimeError: Given input size",
    ),
    "classes of images": (
        "{_target_: torchvision.models.resnet18}",
        "model=foreign gives (2, 1000), not logits (N, 3, H, W)",
    ),
    "nothing to learn": ("{_target_: torch.nn.Identity}", "leaves no parameter to learn"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", NETS)
def test_it_is_told_of_a_net(case: str, refused, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    from stranger import brought

    net, message = NETS[case]
    monkeypatch.setattr(brought, "WORDS", tuple(w for w in brought.WORDS if not w.startswith("model.backbone.")))
    assert message in refused("model=foreign", f"model.net={net}")
