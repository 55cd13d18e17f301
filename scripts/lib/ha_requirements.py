"""Print what Home Assistant would fetch with pip when it starts.

``ha_requirements.py [DOMAIN ...]``, run with the Python of the environment that holds
Home Assistant: the requirements of its default integrations, of the named ones and of
everything these depend on. Installed beforehand, a start needs no network.
"""

import json
from pathlib import Path
import sys

from homeassistant import bootstrap, components

COMPONENTS = Path(components.__path__[0])
# Pulled in while running: the voice pipeline by its entities, isal by the HTTP server.
ALWAYS = ("assist_pipeline", "isal")


def requirements(domains: list[str]) -> set[str]:
    """Return the requirements of *domains* and of all their dependencies."""
    waiting = list(domains)
    seen: set[str] = set()
    found: set[str] = set()
    while waiting:
        domain = waiting.pop()
        manifest_file = COMPONENTS / domain / "manifest.json"
        if domain in seen or not manifest_file.exists():
            continue
        seen.add(domain)
        manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
        found.update(manifest.get("requirements", []))
        waiting.extend(manifest.get("dependencies", []))
        # Loaded whenever it is there, so its library is imported as well.
        waiting.extend({"hassio"} & set(manifest.get("after_dependencies", [])))
    return found


if __name__ == "__main__":
    domains = [
        *sys.argv[1:],
        *bootstrap.DEFAULT_INTEGRATIONS,
        *bootstrap.CORE_INTEGRATIONS,
        *ALWAYS,
    ]
    sys.stdout.write("\n".join(sorted(requirements(domains), key=str.lower)) + "\n")
