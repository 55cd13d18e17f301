"""What the browser is given is what `frontend/` makes, and small."""

import gzip
import hashlib
import json
from pathlib import Path
import re
import shutil
import subprocess

import pytest

from custom_components.watched_sync import bundle

from . import rules

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "frontend"
FOLDER = ROOT / "custom_components" / "watched_sync"
SERVED = FOLDER / "frontend"

#: Bytes of all files together, once they are compressed.
LIMIT = 80 * 1024


def digest() -> str:
    """Return what `frontend/build.mjs` makes of everything the files depend on."""
    files = [file for file in (SOURCES / "src").rglob("*") if file.is_file()]
    files += [
        SOURCES / name
        for name in ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")
    ]
    made = hashlib.sha256()
    for name in sorted(file.relative_to(SOURCES).as_posix() for file in files):
        made.update(f"{name}\0".encode())
        made.update((SOURCES / name).read_bytes())
        made.update(b"\0")
    words = {
        file.stem: rules.read_json(file)["config_panel"]["picker"]
        for file in sorted((FOLDER / "translations").glob("*.json"))
    }
    made.update(json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode())
    return made.hexdigest()


def source() -> str:
    """Return all sources as one text."""
    files = sorted((SOURCES / "src").rglob("*.ts"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_files_were_made_from_the_sources_that_are_there() -> None:
    assert digest().startswith(bundle.SOURCES), "run scripts/frontend"


@pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCES / "node_modules" / "esbuild").exists(),
    reason="there is no Node.js, or `scripts/setup frontend` was not run",
)
def test_files_are_what_the_sources_make() -> None:
    check = ["node", "build.mjs", "--check"]
    done = subprocess.run(check, cwd=SOURCES, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_address_changes_with_the_files() -> None:
    made = hashlib.sha256()
    for file in sorted(SERVED.iterdir()):
        made.update(file.name.encode())
        made.update(file.read_bytes())
    assert made.hexdigest().startswith(bundle.FILES), "run scripts/frontend"


def test_files_are_small() -> None:
    files = [file.read_bytes() for file in SERVED.glob("*.js")]
    assert files
    assert sum(len(gzip.compress(data)) for data in files) <= LIMIT


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in SERVED.glob("*.js"))
    addresses = set(re.findall(r"https?://[\w./-]+", text))
    # A link to follow, and the names of two kinds of markup.
    assert {address for address in addresses if "www.w3.org" not in address} == {
        "https://github.com/watched-sync/watched-sync"
    }
    assert "eval(" not in text
    assert "new Function" not in text


def test_tools_are_pinned() -> None:
    package = rules.read_json(SOURCES / "package.json")
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert [one for one in wanted.values() if not re.fullmatch(r"[\d.]+", one)] == []
    packages = rules.read_json(SOURCES / "package-lock.json")["packages"]
    packages.pop("")
    assert {
        name: packages[f"node_modules/{name}"]["version"] for name in wanted
    } == wanted
    for name, one in packages.items():
        assert one["integrity"].startswith("sha512-"), name


def test_every_word_is_said() -> None:
    text = source()
    words = rules.english(FOLDER)["config_panel"]
    # The build reads these.
    words = {name: section for name, section in words.items() if name != "picker"}

    def is_said(section: str, key: str) -> bool:
        whole = f"{section}.{key}"
        stem = re.sub(r"_(one|other)$", "", whole)
        families = re.findall(rf"`({section}\.\w*)\$\{{", text)
        return (
            f"'{whole}'" in text
            or f"'{stem}'" in text
            or any(whole.startswith(family) for family in families)
        )

    assert [
        f"{section}.{key}"
        for section, keys in words.items()
        for key in keys
        if not is_said(section, key)
    ] == []
