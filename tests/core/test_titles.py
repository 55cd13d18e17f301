"""The one rule for titles: what makes no difference, what does, and what to ask for."""

import unicodedata

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.titles import (
    NEARLY,
    Likeness,
    closeness,
    closeness_heard,
    heard,
    holds,
    keys,
    likeness,
    shared_trigrams,
    shelf_name,
    sound,
    spellings,
    split_year,
    telling_words,
    trigrams,
    trigrams_of_part,
    unquoted,
    word_ends,
)

SAME, BUT_FOR_ARTICLE, DIFFERENT = (
    Likeness.SAME,
    Likeness.BUT_FOR_ARTICLE,
    Likeness.DIFFERENT,
)

#: Two ways to write one title.
ONE_TITLE = [
    ("Harbour's End", "Harbour’s End"),  # noqa: RUF001 - the other apostrophe
    ("Harbour's End", "harbour`s  END"),
    ("Harbour's End", "Harbour´s End"),  # noqa: RUF001 - the other apostrophe
    ("Harbour's End", "Harbour＇s End"),  # noqa: RUF001 - the other apostrophe
    ("Harbour's End", "Harbours End"),
    ('The "Last" Ferry', "The “Last” Ferry"),
    ("The 'Last' Ferry", "The «Last» Ferry"),
    ("Up-Down", "Up\N{EN DASH}Down"),
    ("Up-Down", "Up\N{NON-BREAKING HYPHEN}Down"),
    ("Up \N{EM DASH} Down", "Up - Down"),
    ("Up-Down", "Up Down"),
    ("Caf\N{LATIN SMALL LETTER E WITH ACUTE}", "Cafe\N{COMBINING ACUTE ACCENT}"),
    ("ÉTÉ", unicodedata.normalize("NFD", "été")),
    ("Die große Fahrt", "DIE GROSSE FAHRT"),
    ("The \N{LATIN SMALL LIGATURE FI}rst", "The First"),
    ("Ｎｏｒｔｈ Line", "North Line"),  # noqa: RUF001 - letters of full width
    ("Wait\N{HORIZONTAL ELLIPSIS}", "Wait..."),
    ("North\N{NO-BREAK SPACE}Line", "North Line"),
]

#: The same, and one of them has its article elsewhere or not at all.
ONE_TITLE_BUT_FOR_ARTICLE = [
    ("The North Line", "North Line"),
    ("North Line", "A North Line"),
    ("North Line, The", "The North Line"),
    ("L'Avventura", "Avventura"),
    ("L’Avventura", "Avventura"),  # noqa: RUF001 - the other apostrophe
    ("Het Boot", "Das Boot"),
    ("The L Word", "L Word"),
    ("The Harbour's End", "Harbour’s End"),  # noqa: RUF001 - the other apostrophe
]

OTHER_TITLES = [
    ("North Line", "North Lines"),
    ("North Line", "North Line 2"),
    ("North Line", "Line"),
    ("Amélie", "Amelie"),
    ("Cat and Dog", "Cat Dog"),
    ("Alien", "Aliens"),
    ("The", "A"),
    ("-", "--"),
    ("???", "!!!"),
]


@pytest.mark.parametrize(("one", "other"), ONE_TITLE)
def test_form_of_marks_and_letters_makes_no_difference(one: str, other: str) -> None:
    assert likeness(one, None, other) is likeness(other, None, one) is SAME


@pytest.mark.parametrize(("one", "other"), ONE_TITLE_BUT_FOR_ARTICLE)
def test_article_makes_no_difference_but_a_title_with_the_same_is_likelier(
    one: str, other: str
) -> None:
    assert likeness(one, None, other) is BUT_FOR_ARTICLE
    assert likeness(other, None, one) is BUT_FOR_ARTICLE
    assert SAME > BUT_FOR_ARTICLE > DIFFERENT


@pytest.mark.parametrize(("one", "other"), OTHER_TITLES)
def test_whatever_else_differs_is_another_title(one: str, other: str) -> None:
    assert likeness(one, None, other) is likeness(other, None, one) is DIFFERENT


@pytest.mark.parametrize(
    ("asked", "year", "title", "title_year", "expected"),
    [
        # A year in brackets on either side.
        ("North Line", None, "North Line (2002)", None, SAME),
        ("North Line", None, "North Line [2002]", 2002, SAME),
        ("North Line (2002)", None, "North Line", 2002, SAME),
        ("North Line (2002)", None, "North Line", None, SAME),
        ("North Line (2002)", None, "North Line (2002)", None, SAME),
        ("the north line (2002)", None, "North Line", 2002, BUT_FOR_ARTICLE),
        ("North Line", None, "The North Line (2002)", 2002, BUT_FOR_ARTICLE),
        # And beside it.
        ("North Line", 2002, "North Line", 2002, SAME),
        ("North Line", 2002, "North Line (2002)", None, SAME),
        ("North Line", 2002, "North Line (2002)", 2003, SAME),
        ("North Line (2002)", 2002, "North Line", 2002, SAME),
        ("North Line (2002)", 2002, "North Line (2002)", None, SAME),
        # Another year is another work; one that is not known is no year asked for.
        ("North Line (2002)", None, "North Line", 2003, DIFFERENT),
        ("North Line (2002)", None, "North Line (2003)", None, DIFFERENT),
        ("North Line", 2002, "North Line", 2003, DIFFERENT),
        ("North Line", 2002, "North Line (2003)", None, DIFFERENT),
        ("North Line", 2002, "North Line", None, DIFFERENT),
        # Some titles end in a year.
        ("North Line (2002)", None, "North Line (2002)", 2010, SAME),
        ("North Line (2002)", 2010, "North Line (2002)", 2010, SAME),
        ("North Line (2002)", 2010, "North Line", 2010, DIFFERENT),
        ("2012 (2009)", None, "2012", 2009, SAME),
        ("Signal 2049", None, "Signal", 2049, DIFFERENT),
        ("(2002)", None, "(2002)", None, SAME),
    ],
)
def test_year_in_brackets_counts_as_one_beside_the_title(
    asked: str,
    year: int | None,
    title: str,
    title_year: int | None,
    expected: Likeness,
) -> None:
    assert likeness(asked, year, title, title_year) is expected


@pytest.mark.parametrize(
    ("said", "title", "expected"),
    [
        ("amelie", "Amélie", SAME),
        ("spiderman", "Spider-Man", SAME),
        ("cat dog", "Cat & Dog", SAME),
        ("cat and dog", "Cat & Dog", SAME),
        ("mash", "M*A*S*H", SAME),
        ("north line", "North Line (2002)", SAME),
        ("north line", "The North Line", BUT_FOR_ARTICLE),
        ("avventura", "L'Avventura", BUT_FOR_ARTICLE),
        ("l avventura", "L'Avventura", SAME),
        ("north line", "South Line", DIFFERENT),
        ("???", "!!!", DIFFERENT),
    ],
)
def test_ears_are_less_exact_than_eyes(
    said: str, title: str, expected: Likeness
) -> None:
    assert likeness(said, None, title, heard=True) is expected


def test_year_that_is_said_has_to_be_the_one_of_the_title() -> None:
    assert likeness("north line", 2002, "North Line (2002)", heard=True) is SAME
    assert likeness("north line", 2002, "North Line", heard=True) is DIFFERENT
    assert likeness("north line", 2002, "North Line", 1999, heard=True) is DIFFERENT


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("North Line (2002)", ("North Line", 2002)),
        (" North Line[2002] ", ("North Line", 2002)),
        ("North Line 2002", ("North Line 2002", None)),
        ("North Line (20022)", ("North Line (20022)", None)),
        ("North Line (٢٠٠٢)", ("North Line (٢٠٠٢)", None)),
        ("(2002)", ("(2002)", None)),
        ("", ("", None)),
    ],
)
def test_year_is_four_digits_in_brackets_behind_something(
    title: str, expected: tuple[str, int | None]
) -> None:
    assert split_year(title) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pair
        for pair in (*ONE_TITLE, *ONE_TITLE_BUT_FOR_ARTICLE)
        # A mark that is left out altogether, and letters that fold, take a word more.
        if not {"Harbours End", "Up Down", "Die große Fahrt", "Harbour`s"} & {*pair}
    ],
)
def test_search_that_looks_at_every_character_finds_each_spelling(
    one: str, other: str
) -> None:
    for asked, held in ((one, other), (other, one), (one, f"{other} (2002)")):
        queries = (*spellings(asked), *telling_words(asked))
        assert any(query.casefold() in held.casefold() for query in queries), held


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Arrival", ("Arrival",)),
        ("Arrival (2016)", ("Arrival",)),
        ("The  Office", ("The Office", "Office")),
        ("The", ("The",)),
        ("", ()),
        (
            "Harbour's End",
            ("Harbour's End", "Harbour’s End", "Harbour"),  # noqa: RUF001 - as typed
        ),
        ("é", ("é", unicodedata.normalize("NFD", "é"))),
        ("日本", ("日本",)),
    ],
)
def test_most_titles_are_asked_for_once(title: str, expected: tuple[str, ...]) -> None:
    assert spellings(title) == expected


def test_ends_of_the_longest_word_lead_to_it_where_it_is_misspelt() -> None:
    assert word_ends("The Sevrance (2022)") == ("Sev", "ance")
    assert word_ends("Dune") == word_ends("It") == ()


def test_quotation_marks_around_a_title_are_no_part_of_it() -> None:
    assert unquoted('"It"') == unquoted(" „It“ ") == unquoted("It") == "It"
    assert unquoted('"') == '"'


def test_telling_words_are_the_longest() -> None:
    assert telling_words("The Harbor's End (2002)") == ("Harbor", "End")
    assert telling_words("Amélie") == ("Amélie",)
    assert telling_words(unicodedata.normalize("NFD", "Amélie")) == ("Amélie",)
    assert telling_words("It") == telling_words("The One", most=0) == ()


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("Harbor's End", "Harbour’s End"),  # noqa: RUF001 - the other apostrophe
        ("Amelie", "Amélie"),
        ("North Lnie", "North Line (2002)"),
    ],
)
def test_near_miss_is_near(asked: str, title: str) -> None:
    assert closeness(asked, title) >= NEARLY


@pytest.mark.parametrize(("asked", "title"), [("Arrival", "Severance"), ("", "A")])
def test_something_else_is_not_near(asked: str, title: str) -> None:
    assert closeness(asked, title) < NEARLY


def test_sound_has_no_marks() -> None:
    assert sound("Spider-Man: Don’t!") == sound("spiderman dont")  # noqa: RUF001 - as typed


# --- what an index holds ---------------------------------------------------------

#: Titles made of what is odd about titles, so that many are the same.
pieces = st.sampled_from(
    [
        *("the ", "The", "l'", "La ", "a", "and", "&", "dark", "Dark", "É", "e\u0301"),
        *("-", "'", '"', "`", "…", ", the", " (2017)", " [2017]", "2017", "ß", "\t"),
    ]
)
odd_titles = st.lists(pieces, max_size=6).map("".join) | st.text(max_size=6)


@given(odd_titles, odd_titles, st.none() | st.just(2017))
def test_titles_that_are_alike_have_a_key_in_common(
    asked: str, title: str, year: int | None
) -> None:
    if (
        likeness(asked, year, title, 2017) is not DIFFERENT
        or likeness(asked, year, title, 2017, heard=True) is not DIFFERENT
    ):
        assert keys(asked) & keys(title)


@pytest.mark.parametrize(("one", "other"), [*ONE_TITLE, *ONE_TITLE_BUT_FOR_ARTICLE])
def test_one_title_has_one_key_however_it_is_written(one: str, other: str) -> None:
    assert keys(one) & keys(other)


def test_most_titles_have_few_keys() -> None:
    assert keys("Severance") == {"severance"}
    assert keys("The Long Ferry (1980)") == {
        *("the long ferry (1980)", "long ferry (1980)", "thelongferry1980"),
        *("longferry1980", "the long ferry", "long ferry", "thelongferry", "longferry"),
    }


def test_a_title_is_cut_into_runs_of_three() -> None:
    assert trigrams("The Dark (2017)") == {"^^d", "^da", "dar", "ark", "rk$"}
    assert trigrams("It") == {"^^i", "^it", "it$"}
    assert trigrams("") == {"^^$"}


letters = st.text("abcdeilnorst", min_size=4, max_size=20)


@given(letters, st.data())
def test_one_mistake_leaves_enough_trigrams(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    mistaken = data.draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + "z" + word[at:],
                word[:at] + "z" + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            ]
        )
    )
    wanted = trigrams(mistaken)
    if closeness(mistaken, word) >= NEARLY and heard(mistaken)[:1] == heard(word)[:1]:
        assert len(wanted & trigrams(word)) >= shared_trigrams(len(wanted))


@given(odd_titles, odd_titles)
def test_what_holds_a_part_has_its_trigrams(title: str, part: str) -> None:
    if holds(title, part):
        assert trigrams_of_part(part) <= trigrams(title)


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("The Dark Hour", "dark"),
        ("The Dark Hour", "the dark"),
        ("The Dark Hour", "ark ho"),
        ("Spider-Man 2", "spiderman"),
        ("Itch", "it"),
        ("The Itch", "the itch"),
        ("Anything", ""),
    ],
)
def test_a_title_holds_its_parts(title: str, part: str) -> None:
    assert holds(title, part)


@pytest.mark.parametrize(
    ("title", "part"),
    [("Hard Candy", "Die Hard"), ("Bit", "it"), ("The Dark", "the"), ("Dark", "dork")],
)
def test_a_title_does_not_hold_what_is_another(title: str, part: str) -> None:
    assert not holds(title, part)


@given(odd_titles, odd_titles)
def test_what_is_not_close_enough_is_said_sooner(asked: str, title: str) -> None:
    close = closeness(asked, title)
    quick = closeness_heard(heard(asked), heard(title), NEARLY)
    assert quick == (close if close >= NEARLY else 0.0)


def test_an_article_does_not_count_on_a_shelf() -> None:
    titles = ["The Attic", "Zoo", "Barn, The", "l'Étage", " A Cellar"]
    assert sorted(titles, key=shelf_name) == [
        *("The Attic", "Barn, The", " A Cellar", "Zoo", "l'Étage")
    ]
