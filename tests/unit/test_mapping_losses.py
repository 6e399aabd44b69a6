"""What a mapping loses or cannot do is said before it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from legacy_adapters.mapping.losses import Level, Loss, analyse
from legacy_adapters.values.kinds import ColumnKind, Kind
from proxy.cli import main
from support.mappings import HEAD, sync_of

NO, ID = (
    ColumnKind("NO", Kind.INTEGER, bits=32, nullable=False),
    ColumnKind("id", Kind.INTEGER, bits=64, nullable=False),
)


def losses(fields: str, *, direction: str = "both", legacy=(), new=(), folder: Path = Path("/nowhere")) -> list[Loss]:
    kinds = [{kind.name: kind for kind in (key, *given)} if given else {} for key, given in ((NO, legacy), (ID, new))]
    return analyse(sync_of(fields, direction=direction), folder=folder, legacy=kinds[0], new=kinds[1])


def said(*args, **more) -> list[tuple[str, str]]:
    return [(str(loss.level), loss.sentence) for loss in losses(*args, **more)]


def test_mapping_without_losses_has_nothing_to_say():
    assert losses("{legacy: A, new: a}\n{legacy: B, new: b, to_new: boolean}") == []


def test_step_without_inverse_is_an_error_where_the_field_goes_both_ways():
    assert losses("{legacy: A, new: a, to_new: [upper, {truncate: {length: 3}}]}")[-1] == Loss(
        Level.ERROR,
        "A → a",
        1,
        "upper and truncate have no inverse, and the field goes both ways",
        "add to_legacy to the field, or direction: to_new where it need not come back",
    )
    assert [level for level, _ in said("{legacy: A, new: a, to_new: upper}", direction="to_new")] == ["note"]


def test_loss_that_is_written_back_is_a_warning_unless_both_ways_are_written_out():
    [(level, sentence)] = said("{legacy: A, new: a, to_new: trim}")
    assert level == "warning"
    assert sentence == (
        "trim loses white space at the ends of the text, on the way to new; a change in new writes the result back over "
        "what legacy has"
    )
    assert [level for level, _ in said("{legacy: A, new: a, to_new: trim, to_legacy: []}")] == ["note"]
    assert [level for level, _ in said("{legacy: A, new: a, to_new: trim, direction: to_new}")] == ["note"]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("{legacy: A, new: a, values: {A: x, B: x}}", "which of several values it was that become the same"),
        ("{legacy: A, new: a, to_new: {default: {value: 0}}}", "default loses whether it was NULL or the default"),
        ("{legacy: A, new: a, to_new: blank_is_null}", "whether it was blank or NULL"),
        ('{legacy: A, new: a, to_new: {datetime: {format: "%Y%m%d"}}}', "the time of day, which %Y%m%d does not write"),
        ("{legacy: A, new: a, to_new: {date: {zero: to_null}}}", "whether it was a date of zeros or NULL"),
        ("{legacy: [A, B], new: a, to_new: join}", "which column was empty"),
    ],
)
def test_what_is_lost_is_named(field, words):
    assert any(words in sentence for _, sentence in said(field))


def test_function_that_is_missing_is_an_error(tmp_path):
    [(level, sentence)] = said('{legacy: A, new: a, to_new: "absent:f"}', direction="to_new", folder=tmp_path)
    assert level == "error"
    assert "no installed package absent" in sentence


def test_key_that_depends_on_other_columns_or_merges_records_is_named():
    text = HEAD.replace("key: [id]", "key: [id, code]")
    assert text != HEAD
    from routes.loading import load_config

    fields = "    fields: [{legacy: NO, new: id, to_new: trim}, {legacy: CODE, new: code}]\n"
    sync = load_config(text + fields, name="c", folder=Path("/"), env={}).syncs[0]
    found = [(str(loss.level), loss.sentence) for loss in analyse(sync, folder=Path("/"))]
    assert ("warning", "trim may give two records of legacy one key in new") in found
    assert ("warning", "the key in new is made of columns that are not the key in legacy") in found


def text(name: str, **more) -> ColumnKind:
    return ColumnKind(name, Kind.TEXT, **more)


@pytest.mark.parametrize(
    ("legacy", "new", "level", "words"),
    [
        (text("A", length=80), text("a", length=40), "warning", "A holds 80 characters, and a 40"),
        (text("A"), text("a", length=40), "warning", "A holds any length"),
        (text("A", charset="utf8mb4"), text("a", charset="latin1"), "warning", "a is latin1"),
        (text("A", charset="utf8mb4"), text("a", charset="utf8mb3"), "warning", "a is utf8mb3"),
        (text("A", fixed=True), text("a"), "note", "A is padded"),
        (text("A"), text("a", case_sensitive=False), "note", "letters of either case"),
        (ColumnKind("A", Kind.INTEGER, bits=64), ColumnKind("a", Kind.INTEGER, bits=32), "warning", "holds numbers that a cannot"),
        (ColumnKind("A", Kind.INTEGER, bits=32, unsigned=True), ColumnKind("a", Kind.INTEGER, bits=32), "warning", "holds numbers"),
        (ColumnKind("A", Kind.DECIMAL, precision=9, scale=4), ColumnKind("a", Kind.DECIMAL, precision=9, scale=2), "warning", "more digits behind the point"),
        (ColumnKind("A", Kind.DECIMAL, precision=12, scale=2), ColumnKind("a", Kind.DECIMAL, precision=9, scale=2), "warning", "larger numbers"),
        (ColumnKind("A", Kind.FLOAT, bits=64), ColumnKind("a", Kind.FLOAT, bits=32), "warning", "a keeps 7 digits of A"),
        (ColumnKind("A", Kind.FLOAT), ColumnKind("a", Kind.DECIMAL), "warning", "A is a float"),
        (ColumnKind("A", Kind.DATETIME), ColumnKind("a", Kind.DATETIME, zoned=True), "error", "A is a wall clock, and a holds instants"),
        (ColumnKind("A", Kind.DATETIME, zoned=True), ColumnKind("a", Kind.DATETIME), "note", "written to it in UTC"),
        (ColumnKind("A", Kind.DATETIME, fraction=6), ColumnKind("a", Kind.DATETIME, fraction=0), "warning", "a keeps 0 digits of the second, and A 6"),
        (ColumnKind("A", Kind.DATETIME, zero_dates=True), ColumnKind("a", Kind.DATETIME), "warning", "dates of zeros"),
        (ColumnKind("A", Kind.ENUM, members=("x", "y")), ColumnKind("a", Kind.ENUM, members=("x",)), "warning", "a does not have y"),
        (text("A"), ColumnKind("a", Kind.ENUM, members=("x",)), "warning", "a does not have what A may hold beside x"),
        (text("A"), ColumnKind("a", Kind.INTEGER), "warning", "a takes text only where it is a number"),
        (text("A"), ColumnKind("a", Kind.BOOLEAN), "error", "the value is text, and a holds boolean"),
        (ColumnKind("A", Kind.JSON), text("a"), "error", "the value is json, and a holds text"),
        (text("A"), text("a", nullable=False), "warning", "A may be NULL, and a must not be"),
        (text("A"), text("a", generated=True), "error", "a is computed by the store"),
        (text("A"), text("a", auto_update=True), "warning", "the store changes a by itself"),
        (text("B"), text("a"), "error", "there is no column A"),
    ],
)  # fmt: skip
def test_what_the_columns_cannot_hold_is_named(legacy, new, level, words):
    found = said("{legacy: A, new: a}", direction="to_new", legacy=[legacy], new=[new])
    assert any(one == level and words in sentence for one, sentence in found), found


def test_columns_that_hold_the_same_have_nothing_to_say():
    pairs = [
        (text("A", length=40, charset="latin1"), text("a", length=40, charset="UTF8")),
        (ColumnKind("A", Kind.INTEGER, bits=32), ColumnKind("a", Kind.INTEGER, bits=64)),
        (ColumnKind("A", Kind.DECIMAL, precision=9, scale=2), ColumnKind("a", Kind.DECIMAL)),
        (ColumnKind("A", Kind.DATETIME, zoned=True), ColumnKind("a", Kind.DATETIME, zoned=True)),
    ]
    for legacy, new in pairs:
        assert said("{legacy: A, new: a}", direction="to_new", legacy=[legacy], new=[new]) == []


def test_transforms_settle_what_the_columns_alone_would_not():
    wall, instant = ColumnKind("A", Kind.DATETIME, zero_dates=True), ColumnKind("a", Kind.DATETIME, zoned=True)
    field = "{legacy: A, new: a, to_new: {datetime: {zone: UTC, zero: to_null}}}"
    levels = {level for level, _ in said(field, direction="to_new", legacy=[wall], new=[instant])}
    assert levels == {"note"}


def test_transform_that_does_not_understand_its_column_is_an_error():
    found = said(
        "{legacy: A, new: a, to_new: title_case}",
        direction="to_new",
        legacy=[ColumnKind("A", Kind.DATE)],
        new=[text("a")],
    )
    assert ("error", "title_case does not understand date, which A holds") in found


def test_columns_that_no_field_names_are_said():
    must = text("must", nullable=False)
    found = losses(
        "{legacy: A, new: a}", direction="to_new", legacy=[text("A"), text("REST")], new=[text("a"), must, text("may")]
    )
    assert [(str(loss.level), loss.field) for loss in found] == [("error", "must"), ("note", "REST")]
    assert (
        losses(
            "{legacy: A, new: a}\n{new: must, constant: x}",
            direction="to_new",
            legacy=[text("A")],
            new=[text("a"), must],
        )
        == []
    )


def test_near_name_of_a_column_is_offered():
    [loss] = losses("{legacy: cust_name, new: a}", direction="to_new", legacy=[text("CUST_NAME")], new=[text("a")])[:1]
    assert (loss.sentence, loss.advice) == ("there is no column cust_name", "write CUST_NAME")


def test_losses_are_data():
    [loss] = losses("{legacy: A, new: a, to_new: trim, to_legacy: []}")
    assert json.loads(json.dumps(loss.as_json())) == {
        "level": "note",
        "field": "A → a",
        "index": 1,
        "sentence": "trim loses white space at the ends of the text, on the way to new",
        "advice": "",
    }


# strangler check


def check(tmp_path: Path, fields: str, *more: str):
    file = tmp_path / "config.yaml"
    file.write_text(f"{HEAD}    direction: both\n    fields:\n      - {{legacy: NO, new: id}}\n      - {fields}\n")
    return CliRunner().invoke(main, ["check", str(file), *more])


def test_check_says_what_a_sync_loses_with_its_line(tmp_path):
    result = check(tmp_path, "{legacy: A, new: a, to_new: trim}")
    assert result.exit_code == 0
    assert "config.yaml:12  syncs[0].fields[1]\n  warning: A → a: trim loses white space" in result.output
    assert check(tmp_path, "{legacy: A, new: a, to_new: trim}", "--strict").exit_code == 1


def test_check_refuses_a_mapping_that_cannot_run_and_asks_no_store(tmp_path):
    result = check(tmp_path, "{legacy: A, new: a, to_new: upper}", "--json")
    assert result.exit_code == 1
    [problem] = json.loads(result.output)["problems"]
    assert (problem["path"], problem["line"]) == ("syncs[0].fields[1]", 12)
    assert problem["message"] == "upper has no inverse, and the field goes both ways"


def test_check_imports_functions_beside_the_file(tmp_path):
    (tmp_path / "own.py").write_text("def f(value):\n    return value\n")
    assert check(tmp_path, '{legacy: A, new: a, to_new: "own:f", to_legacy: "own:f"}').exit_code == 0
    result = check(tmp_path, '{legacy: A, new: a, to_new: "own:g", to_legacy: "own:f"}')
    assert result.exit_code == 1
    assert "own:g: own has no function g" in result.output
