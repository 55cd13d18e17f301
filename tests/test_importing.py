"""The edges of importing: what cannot be read is said in words, and nothing is done."""

from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.importing.faults import (
    DamagedExport,
    ExportError,
    NotAllowed,
    NotThere,
    OnlyListed,
    TooLarge,
    UnknownFormat,
    WhoseRows,
)
from custom_components.watched_sync.failures import unreadable_export
from custom_components.watched_sync.levelling.kept import KeptSide
from custom_components.watched_sync.levelling.planning import NotRead

from .common import MOVIE, MemoryServer, setup_lane, take_inventory


@pytest.mark.parametrize(
    ("error", "key", "told"),
    [
        (NotAllowed(), "export_not_allowed", {}),
        (NotThere(), "export_not_there", {}),
        (TooLarge(), "export_too_large", {}),
        (DamagedExport("no table", 7), "export_damaged_line", {"line": "7"}),
        (DamagedExport("no table"), "export_damaged", {}),
        (OnlyListed(), "export_only_listed", {}),
        (WhoseRows((), "ada"), "export_without_users", {"user": "ada"}),
        (
            WhoseRows(["bob", "ada"], None),
            "export_several_users",
            {"users": "ada, bob"},
        ),
        (
            WhoseRows(["bob"], "ada"),
            "export_unknown_user",
            {"user": "ada", "users": "bob"},
        ),
        (UnknownFormat(["milk", "eggs"]), "export_unknown", {"found": "milk, eggs"}),
        (UnknownFormat([]), "export_empty", {}),
    ],
)
def test_whatever_is_wrong_with_a_file_is_said_in_words(
    error: ExportError, key: str, told: dict[str, str]
) -> None:
    error.file = "export.csv"
    said = unreadable_export(error)
    assert said.translation_key == key
    assert said.translation_placeholders == {"file": "export.csv", **told}


async def test_a_library_that_cannot_be_asked_for_a_kind_is_an_error(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer([MOVIE])
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    hass.config.media_dirs = {"local": str(tmp_path)}
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    table = "Const,Your Rating,Date Rated\ntt2543164,9,2024-01-01\n"
    await hass.async_add_executor_job((tmp_path / "ratings.csv").write_text, table)

    async def fail(*_: object) -> None:
        raise CatalogueError("the disk is gone")

    monkeypatch.setattr(entry.runtime_data.catalogue, "find", fail)
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(
            DOMAIN,
            "import_history",
            {"file": "ratings.csv"},
            blocking=True,
            return_response=True,
        )
    assert caught.value.translation_key == "level_not_read"


async def test_a_lane_of_which_nothing_was_kept_is_no_source(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    hass.config.config_dir = str(tmp_path)
    entry = await setup_lane(hass, MemoryServer([MOVIE]))
    hass.config.config_dir = str(tmp_path / "elsewhere")
    side = KeptSide(hass, entry)
    with pytest.raises(NotRead):
        await anext(aiter(side.pages()))
    assert await side.readings([MOVIE.item_id]) == {}
