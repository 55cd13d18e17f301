"""When two titles are the same, and how else a title may be spelt.

The one rule for titles, wherever they are compared. What people type, players show and
servers keep differs in ways that mean nothing: capitals, the form of an apostrophe or a
dash, one code point or two for a letter with an accent, an article, a year in brackets.
Everything else counts; what is only nearly the same is a question, never an answer.
"""

from difflib import SequenceMatcher
from enum import IntEnum
from functools import lru_cache
import re
from typing import Final
import unicodedata

#: How like each other two titles are of which one may be offered for the other.
NEARLY: Final = 0.75

#: Titles of which is remembered what is made of them: of one, the same is asked for
#: several times in a row, to find it by, to sort it and to compare it.
_LAST_TITLES: Final = 64

#: Letters that a part of a title has to have to be worth searching for by itself.
_TELLING: Final = 3

#: Trigrams of a title so short that one mistake may leave one of them.
_FEW_TRIGRAMS: Final = 5

_YEAR: Final = re.compile(
    r"(?P<name>.*\S)\s*(?:\((?P<round>[0-9]{4})\)|\[(?P<square>[0-9]{4})\])"
)

#: The articles of the languages that sentences are understood in.
_ARTICLES: Final = frozenset(
    {"a", "an", "the", "das", "den", "der", "die", "ein", "eine", "la", "le", "les"}
    | {"un", "une", "el", "las", "los", "una", "de", "een", "het"}
)
#: Small words that are said or left out.
_AND: Final = frozenset(("and", "en", "et", "und", "y"))

_APOSTROPHES: Final = "'`´ʹʻʼʽˈ‘’‚‛′‵＇"  # noqa: RUF001 - all that are written for one
_QUOTES: Final = '"«»“”„‟″‶‹›＂'  # noqa: RUF001 - all that are written for one
_DASHES: Final = "-‐‑‒–—―−﹣－"  # noqa: RUF001 - all that are written for one

_TO_TYPEWRITER: Final = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
)
_TO_PRINT: Final = str.maketrans({"'": "’", "-": "–"})  # noqa: RUF001 - meant so
_LEAVES_NO_TRACE: Final = str.maketrans(dict.fromkeys("'\"")) | {ord("-"): " "}

_ARTICLE: Final = re.compile(
    rf"(?:(?:{'|'.join(sorted(_ARTICLES))})\s+|l[{_APOSTROPHES}\s])\s*(?P<rest>\S.*)",
    re.IGNORECASE,
)
#: "Matrix, The", as lists that are sorted write it.
_ARTICLE_BEHIND: Final = re.compile(
    rf"(?P<rest>.*\S),\s*(?:{'|'.join(sorted(_ARTICLES))})", re.IGNORECASE
)
#: Words that can be written in one way only, in a row.
_PLAIN_RUN: Final = re.compile(r"(?<!\S)[0-9A-Za-z]+(?: [0-9A-Za-z]+)*(?![^\W_])")
_NO_LETTERS: Final = re.compile(r"[\W_]+")


class Likeness(IntEnum):
    """How well a title fits the one that was asked for; more is better."""

    DIFFERENT = 0
    BUT_FOR_ARTICLE = 1
    SAME = 2


def split_year(title: str) -> tuple[str, int | None]:
    """Return a title without the year in brackets at its end, and that year."""
    title = title.strip()
    if (match := _YEAR.fullmatch(title)) is None:
        return title, None
    return match["name"], int(match["round"] or match["square"])


def likeness(
    asked: str,
    year: int | None,
    title: str,
    title_year: int | None = None,
    *,
    heard: bool = False,
) -> Likeness:
    """Return how well *title* of *title_year* fits what was *asked* for.

    A *year* of None means any; one in brackets behind *asked* or *title* is as good as
    one beside it. A year asked for beside the title must be known of the other one, a
    year in brackets must not differ. Some titles do end in a year, so two that are the
    same as a whole fit in any year, unless one was asked for beside them. *heard* says
    that *asked* was spoken: accents and all punctuation do not count then.
    """
    fold = sound if heard else plain
    if year is None and fold(asked) == fold(title):
        return Likeness.SAME
    name, bracket = split_year(asked)
    if bracket is not None and year not in (None, bracket):
        name, bracket = asked, None  # it is a part of the title
    held, held_bracket = split_year(title)
    years = {one for one in (title_year, held_bracket) if one is not None}
    if year is not None:
        fits = year in years
    else:
        fits = bracket is None or not years or bracket in years
    if not fits:
        return Likeness.DIFFERENT
    best = Likeness.DIFFERENT
    for one in dict.fromkeys((held, title)):
        if fold(name) == fold(one):
            return Likeness.SAME
        if {fold(name), fold(_without_article(name))} & {
            fold(one),
            fold(_without_article(one)),
        }:
            best = Likeness.BUT_FOR_ARTICLE
    return best


def unquoted(title: str) -> str:
    """Return a title without the quotation marks around it."""
    return title.strip().strip(_QUOTES) or title


@lru_cache(_LAST_TITLES)
def plain(title: str) -> str:
    """Return what counts of a title as it is written, its article and year included."""
    text = _typed(title).casefold()
    # Folding the case may take letters apart again.
    text = unicodedata.normalize("NFKC", text)
    return _squeezed(text.translate(_LEAVES_NO_TRACE)) or text


@lru_cache(_LAST_TITLES)
def sound(title: str) -> str:
    """Return what is heard of a title; "Spider-Man" sounds like "Spiderman"."""
    letters = _typed(title).casefold()
    if not letters.isascii():
        letters = "".join(
            letter
            for letter in unicodedata.normalize("NFKD", letters)
            if not unicodedata.combining(letter)
        )
    # An apostrophe ends nothing: "don't" is also written "dont".
    words = _NO_LETTERS.split(letters.replace("'", ""))
    return "".join(word for word in words if word not in _AND) or letters


def heard(title: str) -> str:
    """Return how a title sounds without its year, to be compared with others."""
    return sound(split_year(title)[0])


def closeness(asked: str, title: str) -> float:
    """Return how close two titles sound, from 0 (nothing in common) to 1."""
    return closeness_heard(heard(asked), heard(title))


def closeness_heard(asked: str, title: str, at_least: float = 0.0) -> float:
    """Return how close two titles are, given as they are `heard`, from 0 to 1.

    0 too for less than *at_least*, which is said much sooner.
    """
    if not asked or not title:
        return 0.0
    if asked in title:
        found = 2 * len(asked) / (len(asked) + len(title))
    else:
        matcher = SequenceMatcher(None, asked, title, autojunk=False)
        if matcher.real_quick_ratio() < at_least or matcher.quick_ratio() < at_least:
            return 0.0
        found = matcher.ratio()
    return found if found >= at_least else 0.0


def keys(title: str) -> frozenset[str]:
    """Return what a title is looked up by.

    Two titles of which `likeness` says anything but DIFFERENT, heard or typed, have one
    of these in common; two that do may still be of different years.
    """
    forms = {title.strip(), split_year(title)[0]}
    forms |= {_without_article(form) for form in forms}
    return frozenset(fold(form) for form in forms for fold in (plain, sound))


def trigrams(title: str) -> frozenset[str]:
    """Return the runs of three characters of how a title sounds.

    Without its year and article; the beginning counts as two characters and the end as
    one. Titles that sound alike share many of them.
    """
    return _runs(f"^^{_core(title)}$")


def trigrams_of_part(part: str) -> frozenset[str]:
    """Return the trigrams of every title that `holds` a *part*."""
    core = _core(part)
    return _runs(core if len(core) >= _TELLING else f"^^{core}")


def shared_trigrams(count: int) -> int:
    """Return how many of its *count* trigrams a title shares with what is like it.

    One letter that is wrong takes three of them away, two that are swapped take four.
    """
    return 1 if count <= _FEW_TRIGRAMS else -(-count // 4)


def holds(title: str, part: str) -> bool:
    """Whether *part* is a part of a title, as they sound.

    A *part* of one letter or two has to be the beginning. An article in front of it is
    no part of what has none.
    """
    return holds_heard(heard(title), heard(part)) and (
        trigrams_of_part(part) <= trigrams(title)
    )


def holds_heard(title: str, part: str) -> bool:
    """Whether a part is in a title, given as they are `heard`, articles and all."""
    return part in title if len(part) >= _TELLING else title.startswith(part)


def shelf_name(title: str) -> str:
    """Return what a title is sorted by: its article does not count."""
    return plain(_without_article(title.strip()))


def spellings(title: str) -> tuple[str, ...]:
    """Return what to search for where a search looks at every character.

    Asked for each of them, a server that finds the titles holding it finds every title
    that is the same but for the form of its marks and letters, its article and year.
    Most titles need one or two.
    """
    name = _squeezed(split_year(title)[0])
    bare = _without_article(name)
    found = [name, bare]
    typed = _typed(bare)
    if not bare.isascii() or typed.translate(_LEAVES_NO_TRACE) != typed:
        composed = unicodedata.normalize("NFC", bare)
        found += [typed, typed.translate(_TO_PRINT)]
        found += [composed, unicodedata.normalize("NFD", bare)]
        longest = max(_PLAIN_RUN.findall(composed), key=len, default="")
        if len(longest) >= _TELLING:
            found.append(longest)
    return tuple(one for one in dict.fromkeys(found) if one)


def telling_words(title: str, most: int = 2) -> tuple[str, ...]:
    """Return the longest words of a title: by them something like it may be found."""
    name, _ = split_year(title)
    words = [
        word
        for word in _NO_LETTERS.split(unicodedata.normalize("NFC", name))
        if len(word) >= _TELLING and word.casefold() not in _ARTICLES | _AND
    ]
    return tuple(sorted(dict.fromkeys(words), key=len, reverse=True)[:most])


def word_ends(title: str) -> tuple[str, ...]:
    """Return how the longest word of a title begins and ends.

    A word that is misspelt is found by neither itself nor the title, but by one of
    these, where no more than a few of its letters are wrong.
    """
    return tuple(
        end
        for word in telling_words(title, 1)
        if len(word) > _TELLING + 1
        for end in (word[:_TELLING], word[-_TELLING - 1 :])
    )


def _typed(title: str) -> str:
    """Return a title as a typewriter has it: one form of each mark and letter."""
    # Some marks are two characters to NFKC, so they come first.
    text = unicodedata.normalize("NFKC", title.translate(_TO_TYPEWRITER))
    return _squeezed(text.translate(_TO_TYPEWRITER))


def _core(title: str) -> str:
    """Return how a title sounds without its year and its article."""
    return sound(_without_article(split_year(title)[0]))


def _runs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 3] for at in range(len(text) - 2))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@lru_cache(_LAST_TITLES)
def _without_article(title: str) -> str:
    match = _ARTICLE.fullmatch(title) or _ARTICLE_BEHIND.fullmatch(title)
    return title if match is None else match["rest"]
