"""Whatever JSON can hold."""

from hypothesis import strategies as st

from custom_components.watched_sync.servers.fields import Json

SCALARS: st.SearchStrategy[Json] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1e999",
            "nan",
            "2026-13-45",
            "0001-01-01T00:00:00Z",
            "9" * 5000,
        ]
    )
)

ANYTHING: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
