"""Errors of users: the nearest names first."""

from fcnlab.error import UserError, nearest


def test_nearest_names_come_first_and_all_are_listed() -> None:
    assert nearest("pool5", ["pool3", "pool4", "fc7"]).startswith("Did you mean pool4 or pool3?")
    assert nearest("zzz", ["pool4", "pool3"]) == "Known: pool3, pool4."
    assert nearest("x", []) == "Known: none."


def test_a_user_error_is_a_value_error_for_those_who_use_the_parts() -> None:
    assert issubclass(UserError, ValueError)
