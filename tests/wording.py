"""Notices words shown to a person for which en.json has no translation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
import json
from pathlib import Path
import re
from typing import Any

from homeassistant import config_entries
from homeassistant.data_entry_flow import (
    FlowHandler,
    FlowManager,
    FlowResultType,
    section,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.entity import Entity
import pytest

DOMAIN = "watched_sync"

#: Attributes that Home Assistant itself adds to a state, and names.
NOT_OURS = {
    *("device_class", "entity_picture", "event_types", "friendly_name", "options"),
    *("state_class", "supported_features", "unit_of_measurement"),
}


def flatten(words: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return `{"a.b": "text"}` for `{"a": {"b": "text"}}`."""
    flat: dict[str, str] = {}
    for key, value in words.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, str):
            flat[here] = value
        else:
            flat |= flatten(value, here)
    return flat


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return set(re.findall(r"\{(\w+)\}", text))


@cache
def _words_of(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return flatten(json.loads(file.read_text(encoding="utf-8")))


@dataclass
class Wording:
    """The English words, and what was missing among them."""

    words: dict[str, str]
    missing: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, integration: str) -> Wording:
        """Read the words of the integration in this folder."""
        return cls(_words_of(Path(integration) / "translations" / "en.json"))

    def need(
        self, path: str, filled: Mapping[str, Any] | None, *, optional: bool = False
    ) -> None:
        """Note that *path* was shown, with these placeholders filled in."""
        if (text := self.words.get(path)) is None:
            if not optional:
                self.missing.add(f"en.json lacks {path}")
        elif unfilled := placeholders(text) - set(filled or {}):
            self.missing.add(f"{path}: nothing was given for {sorted(unfilled)}")

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at everything that is shown until the test ends."""
        self._watch_exceptions(monkeypatch)
        self._watch_issues(monkeypatch)
        self._watch_flows(monkeypatch)
        self._watch_attributes(monkeypatch)

    def _watch_exceptions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = HomeAssistantError.__init__

        def init(error: HomeAssistantError, *args: Any, **kwargs: Any) -> None:
            original(error, *args, **kwargs)
            if error.translation_domain == DOMAIN:
                self.need(
                    f"exceptions.{error.translation_key}.message",
                    error.translation_placeholders,
                )

        monkeypatch.setattr(HomeAssistantError, "__init__", init)

    def _watch_issues(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = ir.IssueRegistry.async_get_or_create

        def create(
            registry: ir.IssueRegistry, domain: str, issue_id: str, **kwargs: Any
        ) -> ir.IssueEntry:
            if domain == DOMAIN:
                key = f"issues.{kwargs['translation_key']}"
                filled = kwargs.get("translation_placeholders")
                self.need(f"{key}.title", filled)
                if not kwargs["is_fixable"]:
                    self.need(f"{key}.description", filled)
            return original(registry, domain, issue_id, **kwargs)

        monkeypatch.setattr(ir.IssueRegistry, "async_get_or_create", create)

    def _watch_flows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = FlowManager._async_handle_step

        async def handle(
            manager: Any, flow: FlowHandler[Any, Any, Any], *args: Any
        ) -> Any:
            # Asked before: a finished repair has no issue any more.
            prefix = _prefix(manager, flow)
            result = await original(manager, flow, *args)
            if prefix:
                self._look_at(prefix, result)
            return result

        monkeypatch.setattr(FlowManager, "_async_handle_step", handle)

    def _watch_attributes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = Entity._async_write_ha_state

        def write(entity: Entity) -> None:
            original(entity)
            state = entity.hass.states.get(entity.entity_id)
            if entity.platform.platform_name == DOMAIN and state is not None:
                words = f"entity.{state.domain}.{entity.translation_key}"
                for name in state.attributes.keys() - NOT_OURS:
                    self.need(f"{words}.state_attributes.{name}.name", None)

        monkeypatch.setattr(Entity, "_async_write_ha_state", write)

    def _look_at(self, prefix: str, result: Mapping[str, Any]) -> None:
        filled = result.get("description_placeholders")
        step = f"{prefix}.step.{result.get('step_id')}"
        match result["type"]:
            case FlowResultType.FORM:
                self.need(f"{step}.title", filled, optional=True)
                self.need(f"{step}.description", filled, optional=True)
                self._look_at_fields(step, result.get("data_schema"), filled)
                for error in (result.get("errors") or {}).values():
                    self.need(f"{prefix}.error.{error}", filled)
            case FlowResultType.MENU:
                self.need(f"{step}.title", filled, optional=True)
                self.need(f"{step}.description", filled, optional=True)
                for option in result["menu_options"]:
                    self.need(f"{step}.menu_options.{option}", filled)
            case FlowResultType.SHOW_PROGRESS:
                self.need(f"{prefix}.progress.{result['progress_action']}", filled)
            case FlowResultType.EXTERNAL_STEP:
                self.need(f"{step}.title", filled)
            case FlowResultType.ABORT:
                self.need(f"{prefix}.abort.{result['reason']}", filled)

    def _look_at_fields(
        self, step: str, schema: Any, filled: Mapping[str, Any] | None
    ) -> None:
        for marker, value in (schema.schema if schema else {}).items():
            if isinstance(value, section):
                self.need(f"{step}.sections.{marker}.name", filled)
                self._look_at_fields(f"{step}.sections.{marker}", value.schema, filled)
                continue
            self.need(f"{step}.data.{marker}", filled)
            self.need(f"{step}.data_description.{marker}", filled)


def _prefix(manager: Any, flow: FlowHandler[Any, Any, Any]) -> str | None:
    """Return where the words of this flow are, or None if it is not ours."""
    match flow:
        case config_entries.ConfigFlow():
            return "config" if flow.handler == DOMAIN else None
        case config_entries.OptionsFlow():
            kind, entry_id = "options", flow.handler
        case config_entries.ConfigSubentryFlow():
            entry_id, subentry_type = flow.handler
            kind = f"config_subentries.{subentry_type}"
        case _ if flow.handler == DOMAIN:
            issues = ir.async_get(manager.hass)
            issue = issues.async_get_issue(DOMAIN, flow.context["issue_id"])
            return f"issues.{issue.translation_key}.fix_flow" if issue else None
        case _:
            return None
    entry = manager.hass.config_entries.async_get_entry(entry_id)
    return kind if entry and entry.domain == DOMAIN else None
