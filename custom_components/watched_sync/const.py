"""Names that several rooms of the hall share."""

import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "watched_sync"
LOGGER: Final = logging.getLogger(__package__)

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TODO,
)

#: The layout of entries; a later minor version can be read by an earlier release.
ENTRY_VERSION: Final = 1
ENTRY_MINOR_VERSION: Final = 3

# Entry data, beside Home Assistant's own CONF_URL, CONF_TOKEN and CONF_VERIFY_SSL.
CONF_KIND: Final = "kind"
#: Random, and the entry's own for good: two that share one log each other out.
CONF_CLIENT_ID: Final = "client_id"
CONF_SERVER_ID: Final = "server_id"
CONF_SERVER_NAME: Final = "server_name"
CONF_USER_ID: Final = "user_id"
CONF_USER_NAME: Final = "user_name"
#: Of entries that signed in at plex.tv, which tells where their server is now.
CONF_ACCOUNT_TOKEN: Final = "account_token"  # noqa: S105 - a name, not a secret

# What the dialogs ask for besides.
CONF_SERVER: Final = "server"
CONF_USER: Final = "user"

KIND_PLEX: Final = "plex"
KIND_JELLYFIN: Final = "jellyfin"
KIND_EMBY: Final = "emby"

PRODUCTS: Final = {KIND_PLEX: "Plex", KIND_JELLYFIN: "Jellyfin", KIND_EMBY: "Emby"}
MODELS: Final = {
    KIND_PLEX: "Plex Media Server",
    KIND_JELLYFIN: "Jellyfin Server",
    KIND_EMBY: "Emby Server",
}

# Options: whose plays these are, as the entity id of a person or one of two words.
CONF_PERSON: Final = "person"
PERSON_SOMEBODY_ELSE: Final = "somebody_else"
PERSON_SHARED: Final = "shared"

# Options: sections, and what is in them.
SECTION_ENTITIES: Final = "entities"
SECTION_PLAYBACK: Final = "playback"
SECTION_MIRROR: Final = "mirror"
SECTION_DELIVERY: Final = "delivery"
CONF_UP_NEXT_SWITCHES: Final = "up_next_switches"
#: Library ids, as a list; an empty one, or none, means all of them.
CONF_LIBRARIES: Final = "libraries"
#: Whether the page is in the sidebar; it is one for all entries.
CONF_PANEL: Final = "panel"
#: Percent.
CONF_WATCHED_THRESHOLD: Final = "watched_threshold"
#: Config entry ids, as a list.
CONF_MIRROR_TO: Final = "mirror_to"
CONF_CONFLICT_POLICY: Final = "conflict_policy"
CONF_MAX_RETRY_AGE: Final = "max_retry_age"

DEFAULT_UP_NEXT_SWITCHES: Final = 10
MAX_UP_NEXT_SWITCHES: Final = 50
#: Percent.
DEFAULT_WATCHED_THRESHOLD: Final = 90
MIN_WATCHED_THRESHOLD: Final = 50
#: Days.
DEFAULT_MAX_RETRY_AGE: Final = 30
MAX_MAX_RETRY_AGE: Final = 365

# Subentries.
SUBENTRY_ITEM: Final = "item"
CONF_ITEM: Final = "item"
CONF_QUERY: Final = "query"
SUBENTRY_PLAYER: Final = "player"
CONF_MEDIA_PLAYER: Final = "media_player"
CONF_REPORT_PROGRESS: Final = "report_progress"

# Repair issues, each followed by `_<entry id>`.
ISSUE_CHECK_NOT_PUT_BACK: Final = "check_not_put_back"
ISSUE_LEVEL_OFFER: Final = "level_offer"
ISSUE_MASS_CHANGE: Final = "mass_change"
ISSUE_OUTBOX_DAMAGED: Final = "outbox_damaged"
ISSUE_OUTBOX_LOST: Final = "outbox_lost"
ISSUE_OUTBOX_UNWRITABLE: Final = "outbox_unwritable"
ISSUE_PERSON_NEEDED: Final = "person_needed"
ISSUE_READS_FAIL: Final = "reads_fail"
ISSUE_RESTORED: Final = "restored"
ISSUE_UNDELIVERABLE: Final = "undeliverable"
ISSUE_UNSUPPORTED_SERVER: Final = "unsupported_server"

#: The event for the logbook: one batch of marks.
EVENT_MARKED: Final = f"{DOMAIN}_marked"

#: How the keys of the switches begin that stand for what is up next; a number follows.
UP_NEXT_KEY: Final = "up_next_"
#: How those began that each stood for one title; 0.1.0 had them.
TITLE_SWITCH_KEY: Final = "up_next:"
