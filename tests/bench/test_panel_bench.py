"""How quick the pages of the panel are with a library of 10,000 films.

A real Home Assistant and a headless browser, which draws without a graphics card; the
times have in them what the driver of the browser takes, some 30 milliseconds each, but
for the filter, which is measured within the page.
"""

from pathlib import Path
import sys
from time import perf_counter

import pytest

from tests.e2e.house import PASSWORD, USER, House
from tests.fakes import library

from .remote import more_of
from .table import Table, milliseconds

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

FILMS = 10_000
TIMES = 10
PAGE = "ws-page-library"
FIRST = "ws-page-up-next >> ws-poster >> nth=0"
COLUMN = f"{FILMS:,} films"
#: Frames that are scrolled through, and by how much each: a fast fling, and the whole
#: screen at once.
FRAMES = 200
PIXELS = (150, 900)


async def test_library_of_ten_thousand_films(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MOVIES", library.MOVIES)
    monkeypatch.setattr(library, "SHOWS", library.SHOWS)
    more_of(FILMS, 0)
    table = Table((COLUMN,))
    async with House(tmp_path, jellyfin=False) as house:
        await house.read()
        async with house.browser(size=(390, 844)) as browser:
            await browser.go("/profile/general")
            opened, filtered, searched = [], [], []
            for _ in range(TIMES):
                opened.append(
                    await browser.seconds_until(
                        "ws-poster >> nth=0", turn_to="/watched/library"
                    )
                )
                await browser.settled()
                # Of those few that were watched, and back to all.
                filtered += [
                    await browser.seconds_to_say(
                        f"{PAGE} >> .said",
                        found,
                        click=f"{PAGE} >> button.chip:text-is('Watched')",
                    )
                    for found in ("^(?!10,0)", "^10,0")
                ]
                searched.append(
                    await browser.seconds_until(
                        f"{PAGE} >> .said:has-text('1 title')",
                        fill=(f"{PAGE} >> input", "the matrix"),
                    )
                )
                await browser.go("/profile/general")
            await browser.go("/watched/library")
            await browser.settled()
            frames = {
                pixels: await browser.frames("watched-sync-panel", FRAMES, pixels)
                for pixels in PIXELS
            }
            worked = await browser.work("watched-sync-panel", FRAMES, PIXELS[0])
            loaded, painted = [], []
            for _ in range(TIMES):
                began = perf_counter()
                await browser.seconds_until("home-assistant-main", load="/watched")
                loaded.append(perf_counter() - began)
                await browser.wait(FIRST)
                painted.append(perf_counter() - began)
        everything, ours = [], []
        for _ in range(TIMES):
            async with house.browser(signed_in=False, size=(390, 844)) as browser:
                all_, own = await browser.login(
                    "/watched", USER, PASSWORD, at=FIRST, file="/panel.js"
                )
                everything.append(all_)
                ours.append(own)
    table.add(
        "from signing in to the first poster", "", COLUMN, milliseconds(everything)
    )
    table.add(
        "of which from when our page is asked for",
        "1 s",
        COLUMN,
        milliseconds(ours, 1000),
    )
    table.add("load Home Assistant's own page", "", COLUMN, milliseconds(loaded))
    table.add(
        "what is up next, from there on",
        "1 s",
        COLUMN,
        milliseconds(
            [all_ - own for all_, own in zip(painted, loaded, strict=True)], 1000
        ),
    )
    table.add("open the library", "1 s", COLUMN, milliseconds(opened, 1000))
    table.add("filter it", "100 ms", COLUMN, milliseconds(filtered, 100))
    table.add(
        "search it, with the pause after typing", "", COLUMN, milliseconds(searched)
    )
    for kind in worked[0]:
        spent = [one[kind] for one in worked]
        table.add(f"of a fling a frame's own {kind}", "", COLUMN, milliseconds(spent))
    drawn = [one["script"] + one["layout"] for one in worked]
    table.add("script and layout together", "8 ms", COLUMN, milliseconds(drawn, 8))
    for pixels, took in frames.items():
        row = f"a frame that scrolls by {pixels} pixels"
        table.add(row, "", COLUMN, milliseconds(took))
    sys.stdout.write(f"\n\n{table}\n")
