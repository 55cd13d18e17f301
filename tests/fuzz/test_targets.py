"""A moment of fuzzing: `scripts/fuzz` goes on for longer."""

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from .targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_comes_in_nothing_gets_out_of_hand(
    name: str, data: st.DataObject
) -> None:
    target = TARGETS[name]
    target.check(data.draw(target.inputs))
