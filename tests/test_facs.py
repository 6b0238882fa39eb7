"""Action units as coders write them."""

from __future__ import annotations

import pytest

from dstan.facs import CodedUnit, parse_action_units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", []),
        ("/", []),
        ("-", []),
        ("\\", []),
        ("NULL", []),
        ("4", ["4"]),
        ("12+?", ["12", "?"]),
        ("R14+?", ["R14", "?"]),
        ("L2+15", ["L2", "15"]),
        ("4+L10+l14", ["4", "L10", "L14"]),
        ("12B or 14", ["12B?", "14?"]),
        ("R12 or R15 + 4", ["R12?", "R15?", "4"]),
        ("14or23", ["14?", "23?"]),
        ("12/14", ["12?", "14?"]),
        ("25 / 26", ["25?", "26?"]),
        ("4A/B", ["4A/B"]),
        ("4A/B+7C", ["4A/B", "7C"]),
        ("L12B/R14C", ["L12B?", "R14C?"]),
        ("12A/14B", ["12A?", "14B?"]),
        ("4?", ["4?"]),
        ("AU4, AU7", ["4", "7"]),
        ("R4,5", ["R4", "5"]),
        ("R4，5", ["R4", "5"]),  # noqa: RUF001
        ("4、7；9", ["4", "7", "9"]),  # noqa: RUF001
        ("(R4)", ["R4"]),
        ("12 14", ["12", "14"]),
        ("1C 2C", ["1C", "2C"]),
        ("12 ?", ["12?"]),
        ("4 and 7", ["4", "7"]),
        ("AD19+M57+E51", ["19", "57", "51"]),
        ("none", []),
        ("N/A", []),
        ("7E + 43", ["7E", "43"]),
        ("(R6 or R12)+R15", ["R6?", "R12?", "R15"]),
        ("R14A or 17A or 24A", ["R14A?", "17A?", "24A?"]),
        ("A/L12", ["A/L12"]),
        ("ref(7B)+43", ["7B", "43"]),
        ("12A+ref(24)", ["12A", "24"]),
        ("A9E+ref(10)", ["A9E", "10"]),
        ("R14+17+soft focus", ["R14", "17"]),
        ("T18+39", ["T18", "39"]),
        ("A1B+A2C", ["A1B", "A2C"]),
        ("12L", ["L12"]),
        ("4R+7", ["R4", "7"]),
        ("AU4(k)+L7", ["4(k)", "L7"]),
        ("AUR2+12(k)+45", ["R2", "12(k)", "45"]),
        ("AUL10 (K)+4", ["L10(k)", "4"]),
        ("4（k）?", ["4(k)?"]),  # noqa: RUF001
    ],
)
def test_every_form_that_coders_use_is_read(text, units):
    assert [str(unit) for unit in parse_action_units(text)] == units


def test_a_unit_is_a_structure():
    assert parse_action_units("R14C?+?") == (CodedUnit(14, "R", "C", doubt=True), CodedUnit(None, doubt=True))
    assert parse_action_units("2A/B") == (CodedUnit(2, "", "A/B"),)
    assert parse_action_units("AU4(k)+L7") == (CodedUnit(4, static=True), CodedUnit(7, "L"))


@pytest.mark.parametrize(("text", "named"), [("4+smile", "smile"), ("123", "123"), ("14X", "X"), ("L14R+k", "k")])
def test_what_cannot_be_read_is_named(text, named):
    with pytest.raises(ValueError, match=f"'{named}' is no action unit"):
        parse_action_units(text)
