"""Reading JSON without trusting it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core import gate
from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.servers import fields
from custom_components.watched_sync.servers.fields import Json, Row

from .json_strategies import ANYTHING


def milliseconds(parent: Row, key: str) -> float | None:
    return fields.seconds(parent, key, 1000)


READERS: list[Callable[[Row, str], object]] = [
    fields.row,
    fields.entries,
    fields.text,
    fields.needed_text,
    fields.identifier,
    fields.secret,
    fields.title,
    fields.name,
    fields.number,
    fields.year,
    fields.ordinal,
    fields.tally,
    fields.count,
    fields.total,
    milliseconds,
    fields.flag,
    fields.epoch,
    fields.moment,
    fields.day,
]


@pytest.mark.parametrize("reader", READERS)
@given(value=ANYTHING)
def test_nothing_but_malformed_escapes(
    reader: Callable[[Row, str], object], value: Json
) -> None:
    with suppress(Malformed):
        reader({"key": value}, "key")


@pytest.mark.parametrize(
    "reader",
    [one for one in READERS if one not in (fields.needed_text, fields.identifier)],
)
@given(parent=st.sampled_from([{}, {"key": None}]))
def test_absent_and_null_mean_the_same(
    reader: Callable[[Row, str], object], parent: Row
) -> None:
    assert not reader(parent, "key")


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (fields.text, "a", "a"),
        (fields.text, "", None),
        (fields.text, 17, "17"),
        (fields.number, "1.5", 1.5),
        (fields.number, 3, 3.0),
        (fields.number, "", None),
        (fields.identifier, "a1b2-C3", "a1b2-C3"),
        (fields.identifier, 17, "17"),
        (fields.secret, "eyJ.x_y-z", "eyJ.x_y-z"),
        (fields.title, " Cafe\u0301\n\tNoir ", "Café Noir"),
        (fields.title, "\u202eevil\u202c", "evil"),
        (fields.title, "caf\ud83d", "caf"),
        (fields.title, "\ud83c\udfac", "\N{CLAPPER BOARD}"),
        (fields.title, "\ud83d", None),
        (fields.title, "a" * 301, "a" * 299 + "…"),
        (fields.name, "N\ud800x", "Nx"),
        (fields.name, "n" * 121, "n" * 119 + "…"),
        (fields.year, "1999", 1999),
        (fields.year, 1999.0, 1999),
        (fields.ordinal, 0, 0),
        (fields.ordinal, 20260131, 20260131),
        (fields.tally, 0, 0),
        (fields.count, 0, 0),
        (fields.count, "12", 12),
        (fields.total, 10**12, 10**12),
        (milliseconds, 90_500, 90.5),
        (milliseconds, 0, 0),
        (fields.flag, False, False),
        (fields.epoch, 0, None),
        (fields.epoch, 1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (fields.epoch, "1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (
            fields.moment,
            "2024-02-20T19:17:06.9081762Z",
            datetime(2024, 2, 20, 19, 17, 6, 908176, tzinfo=UTC),
        ),
        (
            fields.moment,
            "2024-02-20T19:17:06+02:00",
            datetime(2024, 2, 20, 17, 17, 6, tzinfo=UTC),
        ),
        (
            fields.moment,
            "2024-02-20T19:17:06",
            datetime(2024, 2, 20, 19, 17, 6, tzinfo=UTC),
        ),
        (fields.moment, "0001-01-01T00:00:00.0000000Z", None),
        (fields.day, "2008-01-20", date(2008, 1, 20)),
        (fields.day, "2008-01-20T00:00:00.0000000Z", date(2008, 1, 20)),
        (fields.day, "0001-01-01T00:00:00.0000000Z", None),
        (fields.day, "2008", None),
        (fields.day, "2008-00-00", None),
        (fields.day, "9999-12-31", None),
        (fields.entries, [{"a": 1}, 2], [{"a": 1}, 2]),
    ],
)
def test_value_is_read(
    reader: Callable[[Row, str], object], value: Json, expected: object
) -> None:
    assert reader({"key": value}, "key") == expected


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (fields.row, []),
        (fields.row, "text"),
        (fields.entries, {"a": 1}),
        (fields.entries, "text"),
        (fields.text, True),
        (fields.text, 1.5),
        (fields.text, []),
        pytest.param(fields.text, 10**5000, id="5000 digits"),
        (fields.text, "a\nb"),
        (fields.text, "\ud800"),
        (fields.text, "\x00"),
        pytest.param(fields.text, "a" * 1001, id="a long word"),
        (fields.needed_text, ""),
        (fields.identifier, ""),
        (fields.identifier, "a b"),
        (fields.identifier, "\u00e9"),
        pytest.param(fields.identifier, "a" * 201, id="a long id"),
        (fields.secret, "a\r\nX-Evil: 1"),
        pytest.param(fields.secret, "a" * 5000, id="a long token"),
        (fields.title, ["a"]),
        (fields.number, True),
        (fields.number, "many"),
        (fields.number, "inf"),
        (fields.number, float("nan")),
        pytest.param(fields.number, 10**5000, id="5000 digits"),
        (fields.number, {}),
        (fields.year, 1e300),
        (fields.year, 1999.5),
        (fields.year, "2010?"),
        (fields.year, 0),
        (fields.ordinal, -1),
        (fields.tally, -1),
        (fields.count, -1),
        (fields.count, 2**64),
        (fields.total, -1),
        (milliseconds, 1e300),
        (milliseconds, -1),
        (fields.flag, "true"),
        (fields.flag, 1),
        (fields.epoch, 1e18),
        (fields.epoch, -1e18),
        (fields.epoch, 910692730085),
        (fields.epoch, 4_200_000_000),
        (fields.moment, "yesterday"),
        (fields.moment, "2025-13-45T00:00:00Z"),
        (fields.moment, "2600-01-01T00:00:00Z"),
        (fields.moment, "9999-12-31T23:59:59-14:00"),
        (fields.day, 5.5),
    ],
)
def test_value_of_the_wrong_kind_is_malformed(
    reader: Callable[[Row, str], object], value: Json
) -> None:
    with pytest.raises(Malformed):
        reader({"key": value}, "key")


def test_missing_text_that_is_needed_is_malformed() -> None:
    with pytest.raises(Malformed):
        fields.needed_text({}, "key")


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_what_is_no_object_is_malformed(value: Json) -> None:
    with pytest.raises(Malformed):
        fields.as_row(value, "the answer")


def test_an_odd_member_is_unknown_and_counted() -> None:
    odd = fields.Oddities()
    row: Row = {"year": "2010?", "title": "Dune"}
    assert odd.read(fields.year, row, "year") is None
    assert odd.read(fields.year, row, "year") is None
    assert odd.read(fields.title, row, "title") == "Dune"
    assert odd.counts == {"year": 2}


def test_an_odd_row_is_left_out_and_counted() -> None:
    odd = fields.Oddities()
    listed: list[Json] = [{"id": "1"}, 2, {"id": None}, {"id": "4"}]
    found = odd.rows(lambda row: fields.needed_text(row, "id"), listed)
    assert found == ["1", "4"]
    assert odd.counts == {"row": 2}


def test_rows_of_another_kind_are_no_oddities() -> None:
    odd = fields.Oddities()
    assert odd.rows(lambda _: None, [{"id": "1"}]) == []
    assert not odd.counts


def test_ids_of_rows_are_told_whatever_else_is_odd() -> None:
    listed: list[Json] = [{"id": "1"}, {"id": 2}, {"id": []}, {}, "text"]
    assert fields.texts(listed, "id") == {"1", "2"}


@given(st.text(), st.integers(1, 40))
def test_a_title_is_one_line_that_can_be_stored(text: str, limit: int) -> None:
    line = gate.line(text, limit)
    assert len(line) <= limit
    assert line == gate.line(line, limit)
    assert "\n" not in line.encode().decode()


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        ("2026-11-21T12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-22T11:59:00Z", datetime(2026, 11, 22, 11, 59, tzinfo=UTC)),
        ("2026-11-22T12:01:00Z", None),
        ("2099-01-01T00:00:00Z", None),
    ],
)
def test_a_play_that_is_yet_to_come_has_no_known_time(
    played: str, expected: datetime | None
) -> None:
    odd = fields.Oddities(lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert odd.played(fields.moment, {"at": played}, "at") == expected
    assert odd.counts == ({} if expected else {"at": 1})
    unbound = fields.Oddities()
    assert unbound.played(fields.moment, {"at": played}, "at") is not None


def test_what_is_not_known_at_all_is_counted_once() -> None:
    odd = fields.Oddities(lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert odd.played(fields.moment, {"at": "soon"}, "at") is None
    assert odd.played(fields.moment, {}, "at") is None
    assert odd.counts == {"at": 1}
