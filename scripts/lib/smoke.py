"""Try the integration on the Home Assistant this Python has, without any test plugin.

Imports every module, starts a real instance in an empty folder, sets the integration
up, looks at its actions, asks its config flow for a server that is not there, and
stops. Prints one line; exits with 1 if something failed or was logged as an error.
"""

import asyncio
import importlib
import logging
import os
from pathlib import Path
import shutil
import socket
import sys
import tempfile
from typing import Any, override

from homeassistant import bootstrap, const, runner
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict

DOMAIN = "watched_sync"
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "custom_components" / DOMAIN


class Complaints(logging.Handler):
    """Keep what is logged about the integration as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        # Home Assistant says this once about every custom integration.
        if DOMAIN in line and "has not been tested by Home Assistant" not in line:
            self.lines.append(line)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def import_all() -> int:
    """Import every module of the integration and return how many there are."""
    modules = [
        ".".join(file.relative_to(SOURCE.parents[1]).with_suffix("").parts)
        for file in sorted(SOURCE.rglob("*.py"))
        if file.name != "__init__.py"
    ]
    for module in modules:
        importlib.import_module(module)
    return len(modules)


async def check(hass: HomeAssistant) -> list[str]:
    """Return what does not work in a running *hass*."""
    if not await async_setup_component(hass, DOMAIN, {}):
        return ["the integration could not be set up"]
    services = await asyncio.to_thread(load_yaml_dict, str(SOURCE / "services.yaml"))
    wrong = [
        f"action {service} is not registered"
        for service in services
        if not hass.services.has_service(DOMAIN, service)
    ]
    flows = hass.config_entries.flow
    flow: Any = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    flow = await flows.async_configure(flow["flow_id"], {"next_step_id": "plex_token"})
    flow = await flows.async_configure(
        flow["flow_id"],
        {
            const.CONF_URL: f"http://127.0.0.1:{free_port()}",
            const.CONF_TOKEN: "none",
            const.CONF_VERIFY_SSL: True,
        },
    )
    if flow["type"] is not FlowResultType.FORM or flow["errors"] != {
        "base": "cannot_connect"
    }:
        wrong.append(f"the config flow did not say cannot_connect: {flow}")
    return wrong


async def run(folder: Path, complaints: Complaints) -> list[str]:
    """Start Home Assistant in *folder*, check, stop; return what went wrong."""
    config = runner.RuntimeConfig(config_dir=str(folder), skip_pip=True)
    hass = await bootstrap.async_setup_hass(config)
    if hass is None:
        return ["Home Assistant did not start"]
    logging.getLogger().addHandler(complaints)
    await hass.async_start()
    try:
        return await check(hass)
    finally:
        await hass.async_stop(force=True)


def main() -> int:
    """Run everything and return the exit code."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copytree(SOURCE.parent, folder / SOURCE.parent.name)
        (folder / "configuration.yaml").write_text("homeassistant:\n", encoding="utf-8")
        sys.path.insert(0, name)
        os.environ["SETUP_PORT"] = str(free_port())
        modules = import_all()
        complaints = Complaints()
        wrong = asyncio.run(run(folder, complaints)) + complaints.lines
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"Home Assistant {const.__version__}: {modules} modules imported, "
        f"{len(wrong)} problems\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
