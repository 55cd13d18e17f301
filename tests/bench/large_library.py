"""A library as large as any: titles, ids and dates as real ones are."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.play_state import PlayState, Reading
from tests.fakes.library import SeedEpisode, SeedShow

FILMS = 10_000
SHOWS = 1_000
SEASONS = 9
EPISODES = 10

_SYLLABLES = (
    "al an ar ba be bo bra ca ce cha co da de di do el en er fa fe fo ga ge gra ha he"
    " ho il in ir ja jo ka ke la le li lo ma me mi mo na ne ni no or pa pe po qua ra re"
    " ri ro sa se sha si so sta ta te ti to tra un ur va ve vi wa we wi ya zo"
).split()
#: Words that are in many titles.
_COMMON = (
    "night day shadow river stone heart fire winter garden last first queen blood star"
    " house road dark world secret city train letter brother return dream midnight"
).split()


def readings(seed: int = 1) -> Iterator[Reading]:
    """Yield 10,000 films, 1,000 shows and their 90,000 episodes, as listings do."""
    chance = Random(seed)
    words = [
        "".join(chance.choices(_SYLLABLES, k=chance.choice((2, 3, 4))))
        for _ in range(6_000)
    ]

    def title() -> str:
        count = chance.choices((1, 2, 3, 4, 5), (2, 5, 4, 2, 1))[0]
        found = [
            chance.choice(_COMMON if chance.random() < 0.25 else words)
            for _ in range(count)
        ]
        article = "The " if chance.random() < 0.3 else ""
        return article + " ".join(found).title()

    def item_id() -> str:
        return f"{chance.getrandbits(128):032x}"

    def ids() -> ProviderIds:
        return ProviderIds.told(
            f"tt{chance.randint(10**6, 3 * 10**7):07}",
            str(chance.randint(1, 5 * 10**6)),
            str(chance.randint(1, 10**7)),
        )

    def state() -> PlayState:
        if chance.random() < 0.5:
            return PlayState(watched=False)
        played = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(
            seconds=chance.randint(0, 3 * 10**8)
        )
        return PlayState(watched=True, play_count=1, last_played=played)

    films, shows = item_id(), item_id()
    for _ in range(FILMS):
        film = Item(
            item_id(),
            MediaKind.MOVIE,
            title(),
            year=chance.randint(1950, 2026),
            provider_ids=ids(),
            duration=float(chance.randint(4_000, 11_000)),
            library_id=films,
        )
        yield Reading(film, state())
    for _ in range(SHOWS):
        show = Item(
            item_id(),
            MediaKind.SHOW,
            title(),
            year=chance.randint(1980, 2026),
            provider_ids=ids(),
            library_id=shows,
        )
        count = SEASONS * EPISODES
        yield Reading(show, PlayState(watched=False), count, count // 2)
        for season in range(1, SEASONS + 1):
            season_id = item_id()
            for episode in range(1, EPISODES + 1):
                unnamed = chance.random() < 0.1
                item = Item(
                    item_id(),
                    MediaKind.EPISODE,
                    f"Episode {episode}" if unnamed else title(),
                    provider_ids=ids(),
                    duration=float(chance.randint(1_200, 3_600)),
                    library_id=shows,
                    show_id=show.item_id,
                    show_title=show.title,
                    show_provider_ids=show.provider_ids,
                    season_id=season_id,
                    season=season,
                    episode=episode,
                    aired=date(2000, 1, 1) + timedelta(days=chance.randint(0, 9_000)),
                )
                yield Reading(item, state())


def shows(seed: int = 1) -> Iterator[SeedShow]:
    """Yield the same shows as a simulated server holds them; no two bear one title."""
    listed: dict[str, tuple[Item, list[Item]]] = {}
    for one in readings(seed):
        item = one.item
        if item.kind is MediaKind.SHOW:
            listed[item.item_id] = item, []
        elif item.show_id is not None:
            listed[item.show_id][1].append(item)
    for number, (show, episodes) in enumerate(listed.values()):
        yield SeedShow(
            f"{show.title} {number}",
            show.year or 2000,
            dict(show.provider_ids.named),
            tuple(
                SeedEpisode(
                    one.season or 0,
                    one.episode or 0,
                    one.title,
                    int((one.duration or 0) / 60),
                    one.aired,
                    dict(one.provider_ids.named),
                )
                for one in episodes
            ),
        )
