"""Voice intents: mark, un-mark, set a position, take back, ask what is next.

The sentences that lead here are files the user copies; what is answered comes from the
translations, so that it fits whatever the actions did.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
import re
from typing import Any, Final, override

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers import config_validation as cv, intent
import voluptuous as vol

from .actions.fields import WHOLE_NUMBER
from .causes import note_cause
from .core.identity import MediaKind
from .core.operation import CauseKind
from .core.titles import unquoted
from .naming.asking import SkipReason
from .naming.shows import ActionScope
from .runtime import WatchedSyncConfigEntry
from .voice.assistants import Assistant, Done, Next, UpNext
from .voice.hearing import Asks, Heard, NeedsAnswer, Which
from .voice.speech import Speech, async_speech

INTENT_MARK: Final = "WatchedSyncMark"
INTENT_UNMARK: Final = "WatchedSyncUnmark"
INTENT_PROGRESS: Final = "WatchedSyncProgress"
INTENT_UNDO: Final = "WatchedSyncUndo"
INTENT_NEXT_UP: Final = "WatchedSyncNextUp"

#: Things that are up next, in one answer.
_UP_NEXT_SPOKEN: Final = 3

#: Errors that mean the sentence was about something else than our libraries.
_NOT_OURS: Final = frozenset(("nothing_found", "only_similar"))

_NAME: Final = {
    vol.Optional("title"): intent.non_empty_string,
    vol.Optional("kind"): vol.All(
        vol.Coerce(MediaKind), vol.In([MediaKind.MOVIE, MediaKind.SHOW])
    ),
    vol.Optional("year"): WHOLE_NUMBER,
}
_EPISODE: Final = {
    vol.Optional("season"): vol.All(WHOLE_NUMBER, vol.Range(min=0)),
    vol.Optional("episode"): vol.All(WHOLE_NUMBER, vol.Range(min=0)),
    vol.Optional("which"): vol.Coerce(Which),
}
#: A word that means what plays, as the title it is where nothing does.
_IT: Final = {vol.Optional("it"): intent.non_empty_string}
_PERSON: Final = {vol.Optional("person"): intent.non_empty_string}
_ROOM: Final = {
    vol.Optional("area"): intent.non_empty_string,
    vol.Optional("preferred_area_id"): cv.string,
}


async def async_setup_intents(hass: HomeAssistant) -> None:
    """Register the intents; they work on whatever entries are loaded."""
    for handler in (
        MarkHandler(),
        UnmarkHandler(),
        ProgressHandler(),
        UndoHandler(),
        NextUpHandler(),
    ):
        intent.async_register(hass, handler)


class _Handler(intent.IntentHandler):
    """Hears, lets the assistant act, and says what came of it."""

    @override
    async def async_handle(self, intent_obj: intent.Intent) -> intent.IntentResponse:
        """Act, ask back, or say why not: in the language of the sentence."""
        slots = self.async_validate_slots(intent_obj.slots)
        said = {key: slot["value"] for key, slot in slots.items()}
        speech = await async_speech(intent_obj.hass, intent_obj.language)
        response = intent_obj.create_response()
        assistant = Assistant(
            intent_obj.hass,
            intent_obj.context,
            intent_obj.assistant,
            said.get("area") or said.get("preferred_area_id"),
        )
        note_cause(intent_obj.hass, intent_obj.context, CauseKind.VOICE)
        texts = {key: slot.get("text") for key, slot in slots.items()}
        readings = _readings(_heard(said, texts), texts, assistant, speech)
        if "it" in said:
            readings.append(replace(readings[0], title=said["it"]))
        try:
            answer = await self._async_first(readings, assistant, said, speech)
        except NeedsAnswer as question:
            answer = ask(question, speech)
            if question.asks is Asks.SIMILAR:
                response.async_set_error(
                    intent.IntentResponseErrorCode.NO_VALID_TARGETS, answer
                )
            else:
                response.response_type = intent.IntentResponseType.QUERY_ANSWER
        except Unauthorized, UnknownUser:
            answer = speech.say("not_allowed")
            response.async_set_error(
                intent.IntentResponseErrorCode.FAILED_TO_HANDLE, answer
            )
        except HomeAssistantError as err:
            # One assistant hands on what it found no target for, to another.
            code = (
                intent.IntentResponseErrorCode.NO_VALID_TARGETS
                if err.translation_key in _NOT_OURS
                else intent.IntentResponseErrorCode.FAILED_TO_HANDLE
            )
            answer = speech.error(err)
            response.async_set_error(code, answer)
        response.async_set_speech(answer)
        response.async_set_speech_slots({"answer": answer})
        return response

    async def _async_first(
        self,
        readings: Sequence[Heard],
        assistant: Assistant,
        said: dict[str, Any],
        speech: Speech,
    ) -> str:
        """Answer by the first reading of a sentence that leads to something.

        If none does, raises what the first one raised.
        """
        first, *others = readings
        try:
            return await self._async_answer(assistant, first, said, speech)
        except (NeedsAnswer, HomeAssistantError) as err:
            if not others or not _leads_nowhere(err, first):
                raise
            for one in others:
                try:
                    return await self._async_answer(assistant, one, said, speech)
                except (NeedsAnswer, HomeAssistantError) as other:
                    if not _leads_nowhere(other, one):
                        raise
            raise

    @abstractmethod
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        """Act, and return what to say."""


def _leads_nowhere(err: Exception, heard: Heard) -> bool:
    """Whether nothing is called so, or plays, so that a sentence may mean another."""
    if isinstance(err, NeedsAnswer):
        return err.asks is (Asks.SIMILAR if heard.is_named else Asks.WHERE)
    if not isinstance(err, HomeAssistantError):
        return False
    # What plays is meant, also where nobody knows it.
    nowhere = _NOT_OURS if heard.is_named else ("nothing_played_here",)
    return err.translation_key in nowhere


def _readings(
    heard: Heard,
    texts: Mapping[str, str | None],
    assistant: Assistant,
    speech: Speech,
) -> list[Heard]:
    """Return what a sentence may mean, the most likely first.

    A title takes all words to the end of a sentence: "Arrival for Ada" may be a film
    and a person. And a title may end in words that mean persons: "Free for All".
    """
    if heard.title is None:
        return [heard]
    if heard.person is not None:
        said = speech.say("for_person", person=texts.get("person") or heard.person)
        return [heard, replace(heard, title=f"{heard.title} {said}", person=None)]
    before = re.escape(speech.say("for_person", person="").strip())
    match = re.fullmatch(rf"(.+)\s{before}\s(.+)", heard.title, re.IGNORECASE)
    if match is None or not assistant.knows(match[2]):
        return [heard]
    return [replace(heard, title=unquoted(match[1]), person=match[2]), heard]


def _heard(said: dict[str, Any], texts: Mapping[str, str | None]) -> Heard:
    title = said.get("title")
    return Heard(
        title=None if title is None else unquoted(title),
        year=said.get("year"),
        kind=said.get("kind"),
        kind_text=texts.get("kind"),
        season=said.get("season"),
        episode=said.get("episode"),
        which=said.get("which"),
        up_to=said.get("up_to", False),
        person=said.get("person"),
    )


class MarkHandler(_Handler):
    """Marks something as watched."""

    intent_type = INTENT_MARK
    description = "Marks a film, show, season or episode as watched"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """What the sentences may fill in."""
        return {
            **_NAME,
            **_IT,
            **_EPISODE,
            **_PERSON,
            **_ROOM,
            vol.Optional("up_to"): cv.boolean,
            vol.Optional("confirm"): cv.boolean,
        }

    @override
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        done = await assistant.async_mark(heard, confirm=said.get("confirm", False))
        return tell(done, "marked", "already_watched", speech)


class UnmarkHandler(_Handler):
    """Marks something as unwatched."""

    intent_type = INTENT_UNMARK
    description = "Marks a film, show, season or episode as not watched"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """What the sentences may fill in."""
        return {
            **_NAME,
            **_IT,
            **_EPISODE,
            **_PERSON,
            **_ROOM,
            vol.Optional("confirm"): cv.boolean,
        }

    @override
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        done = await assistant.async_mark(
            heard,
            watched=False,
            scope=ActionScope.ITEM,
            confirm=said.get("confirm", False),
        )
        return tell(done, "unmarked", "already_unwatched", speech)


class ProgressHandler(_Handler):
    """Sets how far somebody is in a film or an episode."""

    intent_type = INTENT_PROGRESS
    description = "Sets how far somebody is in a film or an episode"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """What the sentences may fill in."""
        return {
            **_NAME,
            **_IT,
            **_EPISODE,
            **_PERSON,
            **_ROOM,
            vol.Optional("hours"): vol.All(WHOLE_NUMBER, vol.Range(min=0)),
            vol.Optional("minutes"): vol.All(WHOLE_NUMBER, vol.Range(min=0)),
            vol.Optional("percent"): vol.Coerce(float),
        }

    @override
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        position: float | None = None
        if "hours" in said or "minutes" in said:
            position = said.get("hours", 0) * 3600 + said.get("minutes", 0) * 60
        percent: float | None = said.get("percent")
        done = await assistant.async_set_progress(
            heard, position=position, percent=percent
        )
        # Without either, the action has said so.
        place = (
            speech.length(position)
            if position is not None
            else speech.say("percent", percent=f"{percent:g}")
        )
        return tell(done, "position", "already_there", speech, position=place)


class UndoHandler(_Handler):
    """Takes back what was changed last."""

    intent_type = INTENT_UNDO
    description = "Takes back the last change of what counts as watched"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """What the sentences may fill in."""
        return {**_PERSON, vol.Optional("confirm"): cv.boolean}

    @override
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        done = await assistant.async_undo(heard, confirm=said.get("confirm", False))
        return tell(done, "undone", "already_undone", speech)


class NextUpHandler(_Handler):
    """Says what is next."""

    intent_type = INTENT_NEXT_UP
    description = "Says which episode of a show, or what of everything, is next"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """What the sentences may fill in."""
        return {**_NAME, **_PERSON}

    @override
    async def async_handle(self, intent_obj: intent.Intent) -> intent.IntentResponse:
        """Answer, which is not the same as having done something."""
        response = await super().async_handle(intent_obj)
        if response.response_type is intent.IntentResponseType.ACTION_DONE:
            response.response_type = intent.IntentResponseType.QUERY_ANSWER
        return response

    @override
    async def _async_answer(
        self, assistant: Assistant, heard: Heard, said: dict[str, Any], speech: Speech
    ) -> str:
        return tell_next(await assistant.async_next_up(heard), speech)


# --- what is said -----------------------------------------------------------


def ask(question: NeedsAnswer, speech: Speech) -> str:
    """Return a question as it is spoken."""
    candidates = [one.item for one in question.candidates]
    match question.asks:
        case Asks.WHICH_WORK | Asks.SIMILAR:
            choices = [speech.choice(item) for item in candidates]
        case Asks.WHICH_EPISODE:
            lanes: dict[str, list[str]] = {}
            for one in question.candidates:
                lanes.setdefault(speech.name(one.item), []).append(one.entry.title)
            choices = [
                f"{speech.all_of(titles)}: {name}" for name, titles in lanes.items()
            ]
        case _:
            choices = list(question.choices)
    return speech.say(
        f"ask_{question.asks}",
        name=question.name,
        count=question.count,
        choices=speech.either(choices) if choices else "",
        things=speech.things(candidates) if candidates else "",
    )


def tell(done: Done, changed: str, already: str, speech: Speech, **more: str) -> str:
    """Return what was done, what was not, and what is still to come."""
    sentences = []
    if done.items:
        sentences.append(speech.say(changed, things=speech.things(done.items), **more))
    elif done.already:
        sentences.append(speech.say(already, things=speech.things(done.already)))
    if done.persons:
        persons = speech.all_of(done.persons)
        sentences.append(speech.say("for_whom", persons=persons))
    if done.kept:
        sentences.append(speech.say("kept", things=speech.things(done.kept)))
    if done.waiting:
        lanes = speech.all_of([entry.title for entry in done.waiting])
        sentences.append(speech.say("later", lanes=lanes))
    sentences.extend(_tell_missed(done.missed, speech))
    return " ".join(sentences or [speech.say("nothing_changed")])


def _tell_missed(
    missed: Iterable[tuple[WatchedSyncConfigEntry, SkipReason]], speech: Speech
) -> list[str]:
    """Return one sentence on the lanes that were left out."""
    not_aired = False
    lanes: dict[str, dict[str, None]] = {"missed": {}, "not_possible": {}}
    for entry, reason in missed:
        if reason is SkipReason.NOT_AIRED:
            not_aired = True
        elif reason is SkipReason.NOT_POSSIBLE:
            lanes["not_possible"][entry.title] = None
        else:
            lanes["missed"][entry.title] = None
    sentences = [speech.say("not_aired")] if not_aired else []
    sentences.extend(
        speech.say(key, lanes=speech.all_of(list(titles)))
        for key, titles in lanes.items()
        if titles
    )
    return sentences


def tell_next(up_next: UpNext, speech: Speech) -> str:
    """Return what is next."""
    missed = _tell_missed(up_next.missed, speech)
    if up_next.shows:
        answers = up_next.answers
        sentences = [_tell_show(alike[0], speech) for alike in answers]
        if len(answers) > 1:
            lanes = [
                speech.all_of([one.entry.title for one in each]) for each in answers
            ]
            sentences = [
                speech.say("on", lane=lane, answer=sentence)
                for lane, sentence in zip(lanes, sentences, strict=True)
            ]
    elif up_next.rows:
        works = [work[0][1] for work in up_next.works]
        names = list(dict.fromkeys(map(speech.name, works)))
        things = speech.all_of(names[:_UP_NEXT_SPOKEN])
        sentences = [speech.say("next_all", things=things)]
    else:
        sentences = [speech.say("next_nothing")]
    return " ".join([*sentences, *missed])


def _tell_show(one: Next, speech: Speech) -> str:
    if one.episode is None:
        return speech.say("next_none", title=one.show.title)
    item, state = one.episode.item, one.episode.state
    if state.position:
        return speech.say(
            "next_begun",
            things=speech.name(item),
            name=item.title,
            position=speech.length(state.position),
        )
    return speech.say("next", things=speech.name(item), name=item.title)
