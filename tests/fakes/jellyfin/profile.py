"""What differs between the server versions that the simulated Jellyfin can be."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """How far the start-up is; versions without a setup server skip its phases."""

    SETUP_EARLY = "setup_early"
    """The setup server answers 503 to everything."""
    SETUP = "setup"
    """The same, but `/System/Info/Public` is answered with 200 in camelCase."""
    CORE = "core"
    """The server itself answers 503, sockets are accepted."""
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Profile:
    """The behaviour of one line of Jellyfin releases."""

    name: str
    version: str
    """What the server calls itself in `Version`."""
    legacy_authorization: bool
    """`X-Emby-Token`, `X-MediaBrowser-Token`, `X-Emby-Authorization`, the scheme
    `Emby` and `?api_key=` are understood."""
    separate_copies: bool
    """User data belong to an item; else all copies of a title share them."""
    start_resets_played: bool
    """Starting a watched video makes it unwatched."""
    series_played_by_any_episode: bool
    """The filter `IsPlayed` takes a series of which one episode is played."""
    folder_filters_computed: bool
    """`IsPlayed` and `IsResumable` look at a folder's children, not at its row."""
    percentage_without_asking: bool
    """Folders show `PlayedPercentage` without `fields=RecursiveItemCount`."""
    last_second_is_the_end: bool
    """A position within the last second counts as the end."""
    idle_stop_simulates: bool
    """A player that fell silent is stopped where it would be by now, not where it
    last said it was."""
    silent_sockets_go_deaf: bool
    """A socket without KeepAlive for 60 s is told nothing any more, and not closed."""
    users_may_watch_sessions: bool
    """`SessionsStart` works for those who are not administrators."""
    key_sockets_attached: bool
    """The socket of an API key belongs to a session."""
    quick_connect_by_get: bool
    """`GET /QuickConnect/Initiate` works beside POST."""
    setup_server: bool
    """A separate server answers while this one starts."""
    contradictory_filters_refused: bool
    """`filters=IsPlayed,IsUnplayed` is a bad request."""
    filters_imply_recursion: bool
    """`/Items` with a filter and no `recursive` searches everything."""
    ids_show_hidden: bool
    """`/Items?ids=` also answers items of libraries that the user may not see."""
    shows_merged: bool
    """The folders of one show are one show: listed once, marked together."""
    shows_merged_across_libraries: bool
    """The same of folders in several libraries."""
    merged_shows_counted_apart: bool
    """Counts of a merged show are of the folder alone whose row is listed, that of
    the lowest id; else of all its folders, and the row is that of the first one."""
    provider_ids_checked: bool
    """What cannot be an id of TMDb or IMDb is not kept, and blanks are cut off; else
    anything is kept that is not blank."""
    unknown_season_told: bool
    """Episodes of the season without a number have its id as `SeasonId`."""
    versions_linked: bool
    """The files of one film or episode are marked together, and only the first one is
    answered by `/Items?ids=`; else each is something of its own."""
    folder_marks_leave_old_state: bool = False
    """After the mark of a folder whatever asks for one item of it alone is answered
    with what that item was before, until it is written to by itself."""
    late_notices_show_what_was: bool = False
    """The notice of an item that was marked tells what it was then. Where its folder
    was marked otherwise in the meantime, that is what every read shows, until a cache
    of a hundred rows has turned over."""
    marks_counted: bool = True
    """A mark counts a play of what had none."""
    unmarks_reset_count: bool = True
    """Taking a mark off takes the counted plays along."""
    emby: bool = False
    """It is Emby: decimal item ids, paths below the user alone, no Quick Connect,
    listings that tell less unasked, user data that are replaced as a whole, next
    episodes among the resumable, a socket of its own that is not kept alive."""


_10_10 = Profile(
    name="10.10",
    version="10.10.7",
    legacy_authorization=True,
    separate_copies=False,
    start_resets_played=True,
    series_played_by_any_episode=False,
    folder_filters_computed=False,
    percentage_without_asking=False,
    last_second_is_the_end=False,
    idle_stop_simulates=True,
    silent_sockets_go_deaf=False,
    users_may_watch_sessions=False,
    key_sockets_attached=False,
    quick_connect_by_get=True,
    setup_server=False,
    contradictory_filters_refused=False,
    filters_imply_recursion=False,
    ids_show_hidden=True,
    shows_merged=True,
    shows_merged_across_libraries=False,
    merged_shows_counted_apart=False,
    provider_ids_checked=False,
    unknown_season_told=False,
    versions_linked=False,
)

_10_11 = Profile(
    name="10.11",
    version="10.11.11",
    late_notices_show_what_was=True,
    legacy_authorization=True,
    separate_copies=True,
    start_resets_played=True,
    series_played_by_any_episode=True,
    folder_filters_computed=False,
    percentage_without_asking=False,
    last_second_is_the_end=True,
    idle_stop_simulates=True,
    silent_sockets_go_deaf=False,
    users_may_watch_sessions=True,
    key_sockets_attached=True,
    quick_connect_by_get=True,
    setup_server=True,
    contradictory_filters_refused=False,
    filters_imply_recursion=False,
    ids_show_hidden=True,
    shows_merged=True,
    shows_merged_across_libraries=False,
    merged_shows_counted_apart=False,
    provider_ids_checked=False,
    unknown_season_told=False,
    versions_linked=False,
)

_12_0 = Profile(
    name="12.0",
    version="12.0.0",
    folder_marks_leave_old_state=True,
    legacy_authorization=False,
    separate_copies=True,
    start_resets_played=False,
    series_played_by_any_episode=False,
    folder_filters_computed=True,
    percentage_without_asking=True,
    last_second_is_the_end=True,
    idle_stop_simulates=False,
    silent_sockets_go_deaf=True,
    users_may_watch_sessions=True,
    key_sockets_attached=True,
    quick_connect_by_get=False,
    setup_server=True,
    contradictory_filters_refused=True,
    filters_imply_recursion=True,
    ids_show_hidden=True,
    shows_merged=True,
    shows_merged_across_libraries=True,
    merged_shows_counted_apart=True,
    provider_ids_checked=True,
    unknown_season_told=True,
    versions_linked=True,
)

_EMBY = Profile(
    name="emby",
    version="4.9.5.0",
    legacy_authorization=True,
    separate_copies=True,
    start_resets_played=True,
    series_played_by_any_episode=False,
    folder_filters_computed=False,
    percentage_without_asking=False,
    last_second_is_the_end=False,
    idle_stop_simulates=False,
    silent_sockets_go_deaf=False,
    users_may_watch_sessions=True,
    key_sockets_attached=True,
    quick_connect_by_get=False,
    setup_server=False,
    contradictory_filters_refused=False,
    filters_imply_recursion=False,
    ids_show_hidden=False,
    shows_merged=False,
    shows_merged_across_libraries=False,
    merged_shows_counted_apart=False,
    provider_ids_checked=False,
    unknown_season_told=False,
    versions_linked=False,
    emby=True,
)

PROFILES = {profile.name: profile for profile in (_10_10, _10_11, _12_0, _EMBY)}
