"""Losses of others answer as ours do, are called as they want to be, and are refused where they would be wrong."""

import functools

import pytest
import segmentation_models_pytorch.losses as smp
import torch
from torch import nn
from torch.nn import functional

from fcnlab.error import UserError
from fcnlab.loss.foreign import ForeignLoss, adapt, knows_void

LOGITS, MASK = torch.randn(4, 3, 6, 5), torch.randint(0, 3, (4, 6, 5))
VOID_CE = functools.partial(functional.cross_entropy, ignore_index=255)


def own_default(logits: torch.Tensor, mask: torch.Tensor, ignore_index: int = 255) -> torch.Tensor:
    return functional.cross_entropy(logits, mask, ignore_index=ignore_index)


def test_a_foreign_loss_weighs_batches_by_their_images() -> None:
    loss = ForeignLoss(VOID_CE)
    terms = [loss.terms(LOGITS[part], MASK[part])[""] for part in (slice(0, 1), slice(1, 4))]
    together = sum(term.total for term in terms) / sum(term.over for term in terms)
    assert together.item() == pytest.approx(functional.cross_entropy(LOGITS, MASK).item(), rel=1e-6)


def test_a_batch_of_void_alone_counts_nothing_and_has_a_gradient_of_zero() -> None:
    logits = LOGITS.clone().requires_grad_()
    term = ForeignLoss(VOID_CE).terms(logits, torch.full_like(MASK, 255))[""]
    term.mean.backward()
    assert (term.total.item(), term.over.item()) == (0, 0)
    assert not logits.grad.any()


def test_reductions_are_read_from_modules_and_partial_functions() -> None:
    assert adapt(torch.nn.CrossEntropyLoss(reduction="sum")).reduction == "sum"
    assert adapt(functools.partial(functional.cross_entropy, reduction="sum")).reduction == "sum"
    assert adapt(lambda logits, mask: logits.mean()).reduction == "mean"
    with pytest.raises(UserError, match="a number per pixel"):
        adapt(torch.nn.CrossEntropyLoss(reduction="none"))


def test_who_knows_void_is_told_by_attribute_keyword_or_what_is_inside() -> None:
    assert knows_void(torch.nn.CrossEntropyLoss(ignore_index=255))
    assert not knows_void(torch.nn.CrossEntropyLoss())
    assert knows_void(VOID_CE)
    assert knows_void(torch.nn.Sequential(torch.nn.CrossEntropyLoss(ignore_index=255)))
    assert knows_void(own_default)  # by hydra.utils.get_method, that is without a partial function
    assert not knows_void(functional.cross_entropy)


def test_what_gives_no_single_number_or_cannot_be_called_is_refused() -> None:
    with pytest.raises(UserError, match="gives a dict, not a tensor of one number. Wrap it"):
        ForeignLoss(lambda logits, mask: {"loss": logits.sum()})(torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4).long())
    with pytest.raises(UserError, match=r"gives \(4, 3, 6, 5\), not one number"):
        adapt(lambda logits, mask: logits).terms(LOGITS, MASK)
    with pytest.raises(UserError, match="cannot be called"):
        adapt(3)


def test_what_cannot_learn_or_is_of_another_kind_is_told_with_its_shapes() -> None:
    logits = LOGITS.clone().requires_grad_()
    with pytest.raises(
        UserError, match=r"BCEWithLogitsLoss does not take logits \(4, 3, 6, 5\) with a mask \(4, 6, 5\)"
    ):
        adapt(torch.nn.BCEWithLogitsLoss()).terms(logits, MASK)
    with pytest.raises(UserError, match="does not depend on the logits: nothing would be learned"):
        adapt(lambda logits, mask: logits.detach().mean()).terms(logits, MASK)
    with pytest.raises(UserError, match="takes log-probabilities, but is given logits"):
        adapt(torch.nn.NLLLoss())
    with pytest.raises(UserError, match="takes log-probabilities, but is given logits"):
        adapt(functools.partial(functional.nll_loss, ignore_index=255))


def test_labels_are_given_one_hot_or_with_a_channel_where_a_loss_wants_them_so() -> None:
    logits, mask = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    binary = nn.BCEWithLogitsLoss()
    by_hand = torch.stack([(mask == label).float() for label in range(3)], dim=1)
    torch.testing.assert_close(ForeignLoss(binary, one_hot=True)(logits, mask), binary(logits, by_hand))

    class Monai(nn.Module):  # whose losses are told so
        to_onehot_y = True

        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            assert labels.shape == (2, 1, 4, 5)
            return nn.functional.cross_entropy(logits, labels[:, 0])

    torch.testing.assert_close(ForeignLoss(Monai())(logits, mask), nn.functional.cross_entropy(logits, mask))


def test_a_loss_without_an_ignore_index_is_given_the_labelled_pixels_of_each_image() -> None:
    mask = MASK.clone()
    mask[:2, :3], mask[3] = 255, 255  # the last image is void alone
    with pytest.raises(UserError, match=r"takes no ignore index.*labelled_only: true"):
        adapt(nn.CrossEntropyLoss()).terms(LOGITS, mask)
    term = ForeignLoss(nn.CrossEntropyLoss(), labelled_only=True).terms(LOGITS, mask)[""]
    by_hand = [functional.cross_entropy(LOGITS[i : i + 1], mask[i : i + 1], ignore_index=255) for i in range(3)]
    assert (term.over.item(), term.mean.item()) == (3, pytest.approx(sum(by_hand).item() / 3, rel=1e-6))
    dice = smp.DiceLoss("multiclass", from_logits=True)  # told to ignore nothing
    known = smp.DiceLoss("multiclass", from_logits=True, ignore_index=255)
    by_hand = [known(LOGITS[i : i + 1], mask[i : i + 1]) for i in range(3)]
    assert ForeignLoss(dice, labelled_only=True)(LOGITS, mask).item() == pytest.approx(
        sum(by_hand).item() / 3, rel=1e-5
    )


def test_labelled_pixels_alone_are_nothing_for_a_loss_that_looks_at_positions_or_stretches_masks() -> None:
    def smooth(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, mask) + logits.diff(dim=-1).abs().mean()

    with pytest.raises(UserError, match="It looks at their position: labelled_only=true is not for it"):
        ForeignLoss(smooth, labelled_only=True).terms(LOGITS, MASK)
    with pytest.raises(UserError, match="holds logits .N, 3, H, W. against labels"):
        ForeignLoss(nn.PoissonNLLLoss(), labelled_only=True).terms(LOGITS, MASK)


@pytest.mark.parametrize("images", [1, 3])
def test_a_loss_of_two_tensors_alike_is_refused_where_the_mask_would_be_stretched(images: int) -> None:
    logits, mask = torch.randn(images, 3, 6, 5), torch.zeros(images, 6, 5, dtype=torch.long)
    assert torch.nn.PoissonNLLLoss()(logits, mask).ndim == 0  # torch finds nothing wrong
    with pytest.raises(UserError, match="takes batches of 1 or 3 images only: it holds logits"):
        adapt(torch.nn.PoissonNLLLoss()).terms(logits, mask)
    loss = adapt(VOID_CE)
    assert loss.terms(logits, mask)[""].mean == functional.cross_entropy(logits, mask)


def test_a_loss_of_probabilities_is_refused() -> None:
    with pytest.raises(UserError, match="DiceLoss has from_logits=false, but is given logits"):
        adapt(smp.DiceLoss("multiclass", from_logits=False))
