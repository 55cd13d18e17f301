"""Triggers: something became watched or unwatched, failed, or is all delivered.

They need no target, and can be narrowed down to lanes, persons, kinds and titles. What
an automation's templates see of it are the attributes of the event entity, with the
entry they come from.
"""

from collections.abc import Collection
from typing import Any, ClassVar, Final, cast, override

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_OPTIONS
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .actions.fields import ATTR_MEDIA_TYPE, ATTR_PERSON, ATTR_TITLE
from .activity import (
    LaneActivity,
    ShowFinished,
    async_listen,
    async_listen_finished,
)
from .core.activity import Activity, ActivityKind
from .core.errors import Reason
from .core.identity import Item, MediaKind
from .core.titles import likeness
from .preferences import person_of
from .words import async_change, async_reason

#: The option that names a show.
ATTR_SHOW: Final = "show"

_TITLES: Final = vol.All(cv.ensure_list, [vol.All(cv.string, vol.Length(min=1))])

_LANES: Final = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): vol.All(cv.ensure_list, [cv.string]),
    vol.Optional(ATTR_PERSON): cv.entities_domain("person"),
}
_SHOW: Final = _LANES | {vol.Optional(ATTR_SHOW): _TITLES}


def _schema(options: dict[vol.Optional, Any]) -> vol.Schema:
    """Return the schema of a trigger that can be narrowed down by *options*."""
    return vol.Schema({vol.Optional(CONF_OPTIONS, default=dict): options})


def _item_schema(*kinds: MediaKind) -> vol.Schema:
    """Return the schema of a trigger that can be narrowed down to some of *kinds*."""
    names = [kind.value for kind in kinds]
    return _schema(
        _SHOW
        | {
            vol.Optional(ATTR_MEDIA_TYPE): vol.All(cv.ensure_list, [vol.In(names)]),
            vol.Optional(ATTR_TITLE): _TITLES,
        }
    )


class LaneTrigger(Trigger):
    """A trigger for something on any lane, or on those it is narrowed down to."""

    _schema: ClassVar[vol.Schema]

    @override
    @classmethod
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check the options; there is no target. Raises vol.Invalid."""
        return cast("ConfigType", cls._schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take over the options."""
        super().__init__(hass, config)
        # A list that was emptied in the editor narrows nothing down.
        options = {name: one for name, one in (config.options or {}).items() if one}
        self._entry_ids: Collection[str] | None = options.get(ATTR_CONFIG_ENTRY_ID)
        self._persons: Collection[str] | None = options.get(ATTR_PERSON)
        self._media_types: Collection[str] | None = options.get(ATTR_MEDIA_TYPE)
        self._titles: Collection[str] | None = options.get(ATTR_TITLE)
        self._shows: Collection[str] | None = options.get(ATTR_SHOW)

    def _is_meant(self, entry_id: str, item: Item | None) -> bool:
        """Whether what happened to *item* on a lane is what the options ask for."""
        return (
            (self._entry_ids is None or entry_id in self._entry_ids)
            and (self._persons is None or self._person(entry_id) in self._persons)
            and (item is None or self._is_meant_item(item))
        )

    def _is_meant_item(self, item: Item) -> bool:
        kinds, titles, shows = self._media_types, self._titles, self._shows
        return (
            (kinds is None or item.kind.value in kinds)
            and (titles is None or any(_is_called(item, one) for one in titles))
            and (shows is None or any(_is_of_show(item, one) for one in shows))
        )

    def _person(self, entry_id: str) -> str | None:
        """Return whose lane it is; one of the household is nobody's."""
        entry = self._hass.config_entries.async_get_entry(entry_id)
        return None if entry is None else person_of(entry)


def _is_called(item: Item, title: str) -> bool:
    """Whether an item has this title, by itself or with its show and number."""
    return bool(
        likeness(title, None, item.title, item.year)
        or likeness(title, None, item.full_title)
    )


def _is_of_show(item: Item, title: str) -> bool:
    """Whether an item is a show of this title, or belongs to one."""
    if item.kind is MediaKind.SHOW:
        return bool(likeness(title, None, item.title, item.year))
    return item.show_title is not None and bool(likeness(title, None, item.show_title))


class ActivityTrigger(LaneTrigger):
    """Triggers on one kind of activity."""

    _what: ClassVar[ActivityKind]

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Run the action for each activity; return what ends that."""

        @callback
        def happened(news: LaneActivity) -> None:
            if news.activity.what is not self._what:
                return
            if self._is_meant(news.entry_id, news.activity.item):
                attributes = news.attributes
                title = attributes.get("full_title", news.entry_title)
                run_action(
                    _variables(news.entry_id, news.entry_title, attributes)
                    | self._in_words(news.activity),
                    f"{self._what.value.replace('_', ' ')}: {title}",
                )

        return async_listen(self._hass, happened)

    def _in_words(self, activity: Activity) -> dict[str, str]:  # noqa: ARG002 - for those that have more to say
        """Return what else templates find, in Home Assistant's language."""
        return {}


class ItemWatched(ActivityTrigger):
    """A movie or an episode became watched."""

    _what = ActivityKind.WATCHED
    _schema = _item_schema(MediaKind.MOVIE, MediaKind.EPISODE)


class ItemUnwatched(ActivityTrigger):
    """A movie or an episode became unwatched."""

    _what = ActivityKind.UNWATCHED
    _schema = _item_schema(MediaKind.MOVIE, MediaKind.EPISODE)


class SyncFailed(ActivityTrigger):
    """A change was given up."""

    _what = ActivityKind.SYNC_FAILED
    _schema = _item_schema(
        MediaKind.MOVIE, MediaKind.SHOW, MediaKind.SEASON, MediaKind.EPISODE
    )

    @override
    def _in_words(self, activity: Activity) -> dict[str, str]:
        """Return what was to be done, and why it was not."""
        told: dict[str, str] = {}
        if (operation := activity.operation) is not None:
            told["change_in_words"] = async_change(self._hass, operation.change)
        reason = activity.reason or Reason.UNEXPECTED
        return told | {"reason_in_words": async_reason(self._hass, reason)}


class QueueDrained(ActivityTrigger):
    """Everything that waited has been delivered."""

    _what = ActivityKind.QUEUE_DRAINED
    _schema = _schema(_LANES)


class ShowFinishedTrigger(LaneTrigger):
    """The last aired episode that was left of a show became watched."""

    _schema = _schema(_SHOW)

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Run the action for each show that is finished; return what ends that."""

        @callback
        def finished(news: ShowFinished) -> None:
            if self._is_meant(news.entry_id, news.show):
                run_action(
                    _variables(news.entry_id, news.entry_title, news.attributes),
                    f"show finished: {news.show.full_title}",
                )

        return async_listen_finished(self._hass, finished)


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "item_watched": ItemWatched,
    "item_unwatched": ItemUnwatched,
    "show_finished": ShowFinishedTrigger,
    "sync_failed": SyncFailed,
    "queue_drained": QueueDrained,
}


async def async_get_triggers(
    _: HomeAssistant,
) -> dict[str, type[Trigger]]:
    """Return the triggers by their names."""
    return TRIGGERS


def _variables(
    entry_id: str, entry_title: str, attributes: dict[str, Any]
) -> dict[str, Any]:
    """Return what templates find in `trigger`."""
    return {
        ATTR_CONFIG_ENTRY_ID: entry_id,
        "entry_title": entry_title,
        **attributes,
    }
