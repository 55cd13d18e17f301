"""A headless Chromium, driven through `browser.mjs` with playwright-core.

Locators are Playwright's; they look through shadow roots.
"""

import asyncio
from collections.abc import Mapping
import json
from pathlib import Path
import tempfile
from typing import Any, Self

ROOT = Path(__file__).parents[2]
_LIMIT = 100.0
#: Seconds that something may take to show.
_PATIENCE = 30.0


class BrowserError(Exception):
    """The browser could not do what it was told; a picture of the page was kept."""


class Browser:
    """One page. Pictures go into a temporary folder of their own."""

    def __init__(
        self,
        url: str,
        *,
        tokens: Mapping[str, Any] | None = None,
        dark: bool = False,
        size: tuple[int, int] = (1280, 900),
        scale: float = 1,
        language: str = "en",
        pictures: Path | None = None,
    ) -> None:
        self.url = url
        self.pictures = pictures or Path(tempfile.gettempdir()) / "watched-sync-e2e"
        self._options = {
            "url": url,
            "tokens": tokens,
            "dark": dark,
            "width": size[0],
            "height": size[1],
            "scale": scale,
            "language": language,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.pictures.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(Path(__file__).with_name("browser.mjs")),
            str(ROOT),
            json.dumps(self._options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await self._answer()
        return self

    async def __aexit__(self, *_: object) -> None:
        if (process := self._process) is None or process.stdin is None:
            return
        # The end of its input is the browser's end.
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _answer(self) -> Any:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the browser was not started")
        line = await asyncio.wait_for(self._process.stdout.readline(), _LIMIT)
        if not line:
            raise BrowserError("the browser ended")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["result"]

    async def _do(self, command: str, **details: Any) -> Any:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the browser was not started")
        message = json.dumps({"command": command, **details})
        self._process.stdin.write(f"{message}\n".encode())
        try:
            return await self._answer()
        except BrowserError as error:
            if command not in {"shot", "errors"}:
                error.add_note(f"picture: {await self.shot('failure')}")
                error.add_note(f"complaints of the page: {await self.errors()}")
            raise

    async def go(self, path: str) -> None:
        """Open a page of Home Assistant and wait until it shows everything."""
        await self._do("go", to=path)

    async def open(self, address: str) -> None:
        """Open any address of this machine."""
        await self._do("open", address=address)

    async def ready(self) -> None:
        """Wait until Home Assistant's frontend shows a page."""
        await self._do("ready")

    async def settled(self) -> None:
        """Wait until nothing moves any more."""
        await self._do("settled")

    async def click(self, at: str) -> None:
        """Click the first match."""
        await self._do("click", at=at)

    async def fill(self, at: str, text: str) -> None:
        """Replace what is in an input."""
        await self._do("fill", at=at, text=text)

    async def press(self, key: str) -> None:
        """Press a key."""
        await self._do("press", key=key)

    async def wait(
        self, at: str, *, gone: bool = False, seconds: float = _PATIENCE
    ) -> None:
        """Wait until the first match is visible, or nothing matches any more."""
        state = "hidden" if gone else "visible"
        await self._do("wait", at=at, state=state, timeout=seconds * 1000)

    async def count(self, at: str) -> int:
        """Return how many match."""
        found: int = await self._do("count", at=at)
        return found

    async def text(self, at: str) -> str:
        """Return what can be read in the first match."""
        found: str = await self._do("text", at=at)
        return found

    async def value(self, at: str) -> str:
        """Return what is in an input."""
        found: str = await self._do("value", at=at)
        return found

    async def path(self) -> str:
        """Return the path of the page's address."""
        found: str = await self._do("path")
        return found

    async def search(self) -> str:
        """Return what follows the path in the page's address, from the `?` on."""
        found: str = await self._do("search")
        return found

    async def turn_to(self, path: str) -> None:
        """Open a page of Home Assistant for a moment, without waiting for its end."""
        await self._do("turn", to=path)

    async def seconds_until(
        self,
        at: str,
        *,
        turn_to: str | None = None,
        load: str | None = None,
        click: str | None = None,
        fill: tuple[str, str] | None = None,
    ) -> float:
        """Do one thing and return the seconds until the first match is visible.

        *load* is a page of Home Assistant that is opened as in a new tab.
        """
        milliseconds: float = await self._do(
            "timed", at=at, to=turn_to, load=load, click=click, fill=fill
        )
        return milliseconds / 1000

    async def seconds_to_say(self, at: str, wanted: str, *, click: str) -> float:
        """Click and return the seconds until the text at *at* matches a pattern.

        It is measured within the page, without what the driver takes.
        """
        milliseconds: float = await self._do(
            "reacts", at=at, click=click, wanted=wanted
        )
        return milliseconds / 1000

    async def frames(self, at: str, count: int, pixels: int) -> list[float]:
        """Scroll by so many pixels a frame, and return how many seconds each took."""
        found: list[float] = await self._do("frames", at=at, count=count, pixels=pixels)
        return [one / 1000 for one in found]

    async def work(self, at: str, count: int, pixels: int) -> list[dict[str, float]]:
        """Scroll as `frames` does, and return what the page worked in each frame.

        Seconds of the processor in its own thread, for `script`, `layout` and `paint`.
        """
        found: list[dict[str, float]] = await self._do(
            "work", at=at, count=count, pixels=pixels
        )
        return [{kind: ms / 1000 for kind, ms in one.items()} for one in found]

    async def login(
        self, path: str, name: str, password: str, *, at: str, file: str
    ) -> tuple[float, float]:
        """Sign in by the form, and return the seconds until the first match is visible.

        From the button on, and from when the page asks for a *file* of ours.
        """
        found: dict[str, float] = await self._do(
            "login", to=path, name=name, password=password, at=at, file=file
        )
        return found["all"] / 1000, found["own"] / 1000

    async def memory(self) -> dict[str, int]:
        """Return the bytes and the nodes that the page holds, without waste."""
        found: dict[str, int] = await self._do("memory")
        return found

    async def state(self, entity_id: str, state: str) -> None:
        """Wait until the frontend knows that an entity has a state."""
        await self._do("state", entity=entity_id, state=state)

    async def shot(self, name: str, *, full: bool = False) -> Path:
        """Keep a picture of what can be seen (of the whole page if *full*)."""
        file = self.pictures / f"{name}.png"
        await self._do("shot", file=str(file), full=full)
        return file

    async def axe(self, at: str) -> list[str]:
        """Return what is wrong in the first match for people with disabilities."""
        found: list[str] = await self._do("axe", at=at)
        return found

    async def focused(self) -> str:
        """Return the label, or the text, of what has the focus."""
        found: str = await self._do("focused")
        return found

    async def back(self) -> None:
        """Go back in history."""
        await self._do("back")

    async def errors(self) -> list[str]:
        """Return what went wrong in the page since this was last asked."""
        found: list[str] = await self._do("errors")
        return found
