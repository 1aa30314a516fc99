"""The configs of a checkout are those beside its source."""

from conftest import PROJECT

from fcnlab.cli.conf import CONF


def test_a_checkout_takes_its_own_configs() -> None:
    assert (CONF / "train.yaml").is_file()
    assert PROJECT / "conf" == CONF
