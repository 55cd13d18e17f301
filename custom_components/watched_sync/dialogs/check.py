"""The dialog that checks a server: what to do, what is tried, and what was found."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    OptionsFlow,
)

from ..checks import EntryCheck
from ..core.errors import JournalError, Parked, Reason, ServerError, classify, reason_of
from ..markdown import plain
from ..words import async_reason

#: The page that has a paragraph for each number of the table.
DOCS: Final = (
    "https://github.com/watched-sync/watched-sync/blob/main/docs/server-facts.md"
)


class CheckSteps(OptionsFlow):
    """Checks the server of an entry, on one film and one show if that is wanted.

    Home Assistant cancels what is under way once nobody looks any more; that puts back.
    """

    _check: EntryCheck
    _task: asyncio.Task[None] | None = None
    _writes = False

    async def async_step_check(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether anything may be written."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        return self.async_show_menu(
            step_id="check", menu_options=["check_read", "check_write"]
        )

    async def async_step_check_read(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Only read."""
        return await self.async_step_check_reading()

    async def async_step_check_write(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Read, and ask before writing."""
        self._writes = True
        return await self.async_step_check_reading()

    async def async_step_check_reading(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show that something is read, until it is."""
        if self._task is None:
            self._check = EntryCheck(self.hass, self.config_entry)
            self._begin(self._check.async_read())
        return self._progress(
            "check_reading", "check_confirm" if self._writes else "check_done"
        )

    async def async_step_check_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say what would be written to, and ask whether to go on."""
        if self._failure is not None or not self._check.items:
            return await self.async_step_check_done()
        if user_input is not None:
            self._begin(self._check.async_write())
            return await self.async_step_check_writing()
        return self.async_show_form(
            step_id="check_confirm",
            description_placeholders={
                "name": plain(self.config_entry.title),
                "items": ", ".join(plain(one.full_title) for one in self._check.items),
            },
        )

    async def async_step_check_writing(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show that something is tried, until all is put back."""
        return self._progress("check_writing", "check_done")

    async def async_step_check_done(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what was found."""
        match self._failure:
            case None:
                pass
            case JournalError():
                return self.async_abort(reason="check_not_noted")
            case ServerError() as error:
                is_parked = isinstance(classify(error), Parked)
                reason = Reason.AUTH_REQUIRED if is_parked else reason_of(error)
                return self.async_abort(
                    reason="check_failed",
                    description_placeholders={
                        "reason": async_reason(self.hass, reason)
                    },
                )
            case error:
                raise error
        shown = {
            "table": await self._check.async_table(),
            "docs": DOCS,
            **self._check.verdicts,
        }
        if not (left := self._check.left):
            return self.async_abort(reason="checked", description_placeholders=shown)
        shown["titles"] = ", ".join(map(plain, left))
        return self.async_abort(
            reason="checked_and_left", description_placeholders=shown
        )

    @property
    def _failure(self) -> BaseException | None:
        """What the last task ended in, None if it went well."""
        return self._task.exception() if self._task and self._task.done() else None

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        self._task = self.hass.async_create_task(doing, eager_start=False)

    def _progress(self, step_id: str, then: str) -> ConfigFlowResult:
        if self._task is None or self._task.done():
            return self.async_show_progress_done(next_step_id=then)
        return self.async_show_progress(
            step_id=step_id, progress_action=step_id, progress_task=self._task
        )
