"""What went wrong, in the words of Home Assistant.

The only file that knows which translation belongs to which error of the core.
"""

from typing import Any, Final

from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
    ServiceValidationError,
)

from .const import DOMAIN
from .core import gate
from .core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Forbidden,
    JournalError,
    Redirected,
    ServerError,
    Starting,
    Unreachable,
    Unstorable,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from .core.importing.faults import (
    DamagedExport,
    ExportError,
    NotAllowed,
    NotThere,
    OnlyListed,
    TooLarge,
    UnknownFormat,
    WhoseRows,
)
from .core.lane import LaneClosed
from .core.outbox import OUTBOX_LIMIT, OutboxFull

#: Characters of what fills in one place of a sentence.
_TOLD_BACK: Final = 1000

#: Errors a request can end in before it is queued.
type Refusal = JournalError | LaneClosed | OutboxFull

#: The same, to catch them.
REFUSALS: Final = (JournalError, LaneClosed, OutboxFull)


def refusal(error: Refusal) -> HomeAssistantError:
    """Say why a request was not accepted; nothing of it is queued."""
    if isinstance(error, Unstorable):
        return HomeAssistantError(
            translation_domain=DOMAIN, translation_key="not_storable"
        )
    if isinstance(error, JournalError):
        return HomeAssistantError(
            translation_domain=DOMAIN, translation_key="outbox_write_failed"
        )
    if isinstance(error, OutboxFull):
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="outbox_full",
            translation_placeholders={"limit": str(OUTBOX_LIMIT)},
        )
    return stopping()


def stopping() -> HomeAssistantError:
    """Say that nothing is accepted while Home Assistant or the entry shuts down."""
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="stopping")


def not_loaded(lane: str) -> HomeAssistantError:
    """Say that an entry was unloaded while something was asked of it."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="not_loaded",
        translation_placeholders={"lane": lane},
    )


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Say what an action got wrong; *key* names the sentence, the rest fills it in.

    Home Assistant shows and logs it, so what was said to us is told back clipped.
    """
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={
            name: gate.line(value, _TOLD_BACK) for name, value in placeholders.items()
        },
    )


def as_message(error: HomeAssistantError) -> dict[str, Any]:
    """Return an error as the rest of a websocket message has it, with its key."""
    return {
        "translation_domain": error.translation_domain,
        "translation_key": error.translation_key,
        "translation_placeholders": error.translation_placeholders,
    }


def unreadable_export(error: ExportError) -> ServiceValidationError:
    """Say why the export of another program cannot be read."""
    file = error.file
    match error:
        case NotAllowed():
            return invalid("export_not_allowed", file=file)
        case NotThere():
            return invalid("export_not_there", file=file)
        case TooLarge():
            return invalid("export_too_large", file=file)
        case DamagedExport(line=int(line)):
            return invalid("export_damaged_line", file=file, line=str(line))
        case DamagedExport():
            return invalid("export_damaged", file=file)
        case OnlyListed():
            return invalid("export_only_listed", file=file)
        case WhoseRows(users=(), asked=str(user)):
            return invalid("export_without_users", file=file, user=user)
        case WhoseRows(users=users, asked=None):
            return invalid("export_several_users", file=file, users=", ".join(users))
        case WhoseRows(users=users, asked=str(user)):
            names = ", ".join(users)
            return invalid("export_unknown_user", file=file, user=user, users=names)
        case UnknownFormat(found=found) if found:
            return invalid("export_unknown", file=file, found=", ".join(found))
        case _:
            return invalid("export_empty", file=file)


def no_next_episode(name: str) -> ServiceValidationError:
    """Say that no episode of a show is left to mark, or known."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="no_next_episode",
        translation_placeholders={"name": name},
    )


def nothing_to_undo() -> ServiceValidationError:
    """Say that nothing is remembered that could be taken back."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="nothing_to_undo"
    )


def unknown_batch(batch_id: str) -> ServiceValidationError:
    """Say that nothing of a batch waits or is remembered."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="unknown_batch",
        translation_placeholders={"batch_id": batch_id},
    )


def levelling_to_be_named(batch_id: str) -> ServiceValidationError:
    """Say that the last batch is a levelling, which is only taken back by its name."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="levelling_to_be_named",
        translation_placeholders={"batch_id": batch_id, "action": f"{DOMAIN}.undo"},
    )


def row_not_undoable() -> ServiceValidationError:
    """Say that a row of the history cannot be taken back by itself, or any more."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="row_not_undoable"
    )


def nothing_left_to_undo() -> ServiceValidationError:
    """Say that the last change cannot be taken back, as it was changed since."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="nothing_left_to_undo"
    )


def first_contact_failed(
    error: ServerError, server_name: str
) -> ConfigEntryAuthFailed | ConfigEntryNotReady:
    """Say why an entry that never ran cannot be set up now.

    A server that does not let a good sign-in in (403) may do so in an hour.
    """
    is_forbidden = isinstance(error, Forbidden)
    key = "read_forbidden" if is_forbidden else f"read_{flow_error(error)}"
    placeholders = {"server": server_name}
    if isinstance(error, AuthRejected):
        return ConfigEntryAuthFailed(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders=placeholders,
        )
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def being_checked(server_name: str) -> ConfigEntryNotReady:
    """Say that an entry waits for the end of a check of its server."""
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key="being_checked",
        translation_placeholders={"server": server_name},
    )


def newer_storage(key: str) -> ConfigEntryError:
    """Say that a storage file was written by a newer version, and left alone."""
    return ConfigEntryError(
        translation_domain=DOMAIN,
        translation_key="storage_newer",
        translation_placeholders={"file": f".storage/{key}"},
    )


def unreadable_storage(key: str) -> ConfigEntryNotReady:
    """Say that a storage file exists and cannot be read now."""
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key="storage_unreadable",
        translation_placeholders={"file": f".storage/{key}"},
    )


def flow_error(error: ServerError, product: str | None = None) -> str:
    """Name *error* as the config flow's forms do.

    *product* is `plex`, `jellyfin` or `emby`, where an address can be typed; without
    it another product there is one that cannot be connected to, and where a redirect
    leads to is not told.
    """
    match error:
        case UnsupportedVersion():
            return "unsupported_version"
        case AuthRejected() | Forbidden():
            return "invalid_auth"
        case CertificateRefused():
            return "ssl_error"
        case Starting():
            return "startup"
        case Redirected() if product is not None:
            return "redirected"
        case WrongAddress():
            return "invalid_url"
        case WrongServer() if product is not None:
            return f"not_{product}"
        case Unreachable() | Busy() | WrongServer():
            return "cannot_connect"
        case _:
            return "unknown"
