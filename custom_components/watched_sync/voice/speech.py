"""What assistants say: sentences in the language of whoever speaks.

The sentences are translations under `common`, as those of errors are under
`exceptions`: an answer is understood in whatever way the question came.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import translation

from ..const import DOMAIN
from ..core.identity import Item, MediaKind
from ..languages import closest_language

#: Things a sentence names one by one; nobody listens to more.
_THINGS_SPOKEN = 5

_KEY = f"component.{DOMAIN}.common.voice_{{}}"
_EPISODE_FIELDS = attrgetter("show_title", "season")


@dataclass(frozen=True, slots=True)
class Speech:
    """The sentences of one language; `language` is its tag."""

    language: str
    sentences: Mapping[str, str]
    errors: Mapping[str, str]

    def say(self, key: str, **placeholders: str) -> str:
        """Return one sentence, or a part of one, with its blanks filled in."""
        return self.sentences[_KEY.format(key)].format(**placeholders)

    def error(self, err: HomeAssistantError) -> str:
        """Return what went wrong, in words for the ear where there are some."""
        message, values = self.error_parts(err)
        return message.format(**values)

    def error_parts(self, err: HomeAssistantError) -> tuple[str, Mapping[str, str]]:
        """Return what went wrong with blanks in it, and what these stand for."""
        domain, key = err.translation_domain, err.translation_key
        template = None
        if domain == DOMAIN:
            template = self.sentences.get(_KEY.format(f"error_{key}"))
        if template is None:
            template = self.errors.get(f"component.{domain}.exceptions.{key}.message")
        if template is not None:
            return template, err.translation_placeholders or {}
        if detail := str(err):
            return "{detail}", {"detail": detail}
        return self.say("failed"), {}

    def either(self, parts: Sequence[str]) -> str:
        """Return the parts as things to choose from."""
        return self._join(parts, "either")

    def all_of(self, parts: Sequence[str]) -> str:
        """Return the parts as things that belong together."""
        return self._join(parts, "both")

    def _join(self, parts: Sequence[str], key: str) -> str:
        *first, last = parts
        return self.say(key, first=", ".join(first), last=last) if first else last

    def name(self, item: Item) -> str:
        """Return how one item is called aloud."""
        match item.kind:
            case MediaKind.SHOW:
                return self.say("show", title=item.title)
            case MediaKind.SEASON if item.show_title and item.season is not None:
                return self.say(
                    "season", season=str(item.season), title=item.show_title
                )
            case MediaKind.EPISODE:
                return self._episodes([item])
            case _:
                return item.title

    def choice(self, item: Item) -> str:
        """Return a name that tells a film or show from another of the same title."""
        if item.year is None:
            return self.say(f"choice_{item.kind}", title=item.title)
        return self.say(
            f"choice_{item.kind}_year", title=item.title, year=str(item.year)
        )

    def things(self, items: Iterable[Item]) -> str:
        """Return the names of several items, episodes in a row taken together.

        What a season or show among them holds is not named once more.
        """
        containers: list[Item] = []
        episodes: dict[tuple[str | None, int, int], Item] = {}
        for item in items:
            if (
                item.kind is MediaKind.EPISODE
                and item.season is not None
                and item.episode is not None
            ):
                place = (item.show_title, item.season, item.episode)
                episodes.setdefault(place, item)
            else:
                containers.append(item)
        wholes = {
            (item.show_title or item.title, item.season)
            for item in containers
            if item.kind.is_container
        }
        names = list(
            dict.fromkeys(
                self.name(item)
                for item in containers
                if item.kind is not MediaKind.SEASON
                or (item.show_title, None) not in wholes
            )
        )
        ordered = [
            episodes[key]
            for key in sorted(episodes, key=_sortable)
            if not wholes & {key[:2], (key[0], None if key[1] else 0)}
        ]
        names.extend(self._episodes(row) for row in _rows(ordered))
        if len(names) > _THINGS_SPOKEN:
            more = self.say("more", count=str(len(names) - _THINGS_SPOKEN))
            names = [*names[:_THINGS_SPOKEN], more]
        return self.all_of(names)

    def _episodes(self, row: Sequence[Item]) -> str:
        """Return the name of an episode, or of several that follow each other."""
        first, last = row[0], row[-1]
        title = first.show_title
        if title is None or first.season is None or first.episode is None:
            return first.full_title
        end = last.episode if last.episode_end is None else last.episode_end
        key = "special" if first.season == 0 else "episode"
        if end == first.episode:
            return self.say(
                key,
                season=str(first.season),
                episode=str(first.episode),
                title=title,
            )
        return self.say(
            f"{key}s",
            season=str(first.season),
            first=str(first.episode),
            last=str(end),
            title=title,
        )

    def length(self, seconds: float) -> str:
        """Return a time into a film or episode, in whole minutes."""
        hours, minutes = divmod(round(seconds / 60), 60)
        parts = []
        if hours:
            parts.append(self._counted("hour", hours))
        if minutes or not hours:
            parts.append(self._counted("minute", minutes))
        return self.all_of(parts)

    def _counted(self, key: str, count: int) -> str:
        return self.say(key if count == 1 else f"{key}s", count=str(count))


def _sortable(place: tuple[str | None, int, int]) -> tuple[str, int, int]:
    title, season, episode = place
    return title or "", season, episode


def _rows(episodes: Iterable[Item]) -> Iterable[list[Item]]:
    """Yield episodes of one season whose numbers follow each other."""
    for _, group in groupby(episodes, _EPISODE_FIELDS):
        row: list[Item] = []
        for item in group:
            if (
                row
                and item.episode != (row[-1].episode_end or row[-1].episode or 0) + 1
            ):
                yield row
                row = []
            row.append(item)
        yield row


async def async_speech(hass: HomeAssistant, language: str | None) -> Speech:
    """Return the sentences of a language tag; English if there are none."""
    chosen = closest_language(hass, language)
    sentences = await translation.async_get_translations(
        hass, chosen, "common", {DOMAIN}
    )
    errors = await translation.async_get_translations(
        hass, chosen, "exceptions", {DOMAIN, "homeassistant"}
    )
    return Speech(chosen, sentences, errors)
