"""Texts of others where Home Assistant renders Markdown."""

import pytest

from custom_components.watched_sync.markdown import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dune (2021)", "Dune (2021)"),
        ("Attic (Ada)", "Attic (Ada)"),
        ("![x](y) [Sign in](z)", "!\\[x\\](y) \\[Sign in\\](z)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("*M*A*S*H*", "\\*M\\*A\\*S\\*H\\*"),
        ("`a` _b_ ~c~ |d|", "\\`a\\` \\_b\\_ \\~c\\~ \\|d\\|"),
        ("a\\", "a\\\\"),
        ("\u202eevil\n# big", "evil # big"),
        ("http://evil.example", "http:\u2060//evil.example"),
        ("www.evil.example", "www.\u2060evil.example"),
        ("a" * 500, "a" * 119 + "…"),
    ],
)
def test_a_text_is_shown_as_it_is_written(text: str, expected: str) -> None:
    assert plain(text) == expected
