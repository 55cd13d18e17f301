"""Reading JSON without trusting it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.servers import fields
from custom_components.watched_sync.servers.fields import Json, Row

from .json_strategies import ANYTHING

READERS: list[Callable[[Row, str], object]] = [
    fields.row,
    fields.rows,
    fields.text,
    fields.needed_text,
    fields.number,
    fields.whole,
    fields.count,
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
    "reader", [one for one in READERS if one is not fields.needed_text]
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
        (fields.whole, "12", 12),
        (fields.whole, 12.0, 12),
        (fields.count, 0, 0),
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
        (fields.rows, [{"a": 1}], [{"a": 1}]),
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
        (fields.rows, {"a": 1}),
        (fields.rows, "text"),
        (fields.rows, [{"a": 1}, 2]),
        (fields.text, True),
        (fields.text, 1.5),
        (fields.text, []),
        pytest.param(fields.text, 10**5000, id="5000 digits"),
        (fields.needed_text, ""),
        (fields.number, True),
        (fields.number, "many"),
        (fields.number, "inf"),
        (fields.number, float("nan")),
        pytest.param(fields.number, 10**5000, id="5000 digits"),
        (fields.number, {}),
        (fields.whole, 1.5),
        (fields.count, -1),
        (fields.flag, "true"),
        (fields.flag, 1),
        (fields.epoch, 1e18),
        (fields.epoch, -1e18),
        (fields.moment, "yesterday"),
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
