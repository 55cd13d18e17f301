"""Where the simulated servers may answer otherwise than the real ones, and why.

Whatever is not needed any more has to go: the tests say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .replay import Difference

_NOBODY_READS: Final = "nothing reads it, so it is not simulated"
_FILES: Final = "a matter of the files, of which the simulated server has none"
_DISPLAY: Final = "made for the web client's pages"
_POLICY: Final = "a permission that has nothing to do with play states"
_PATHS: Final = "where the server keeps its files"

#: Members that only the real servers answer with.
NOT_SIMULATED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "Bitrate",
            "Chapters",
            "Container",
            "ETag",
            "Etag",
            "Formats",
            "GenPtsInput",
            "HasSegments",
            "Height",
            "IgnoreDts",
            "IgnoreIndex",
            "IsInfiniteStream",
            "IsRemote",
            "MediaAttachments",
            "MediaStreams",
            "ReadAtNativeFramerate",
            "RequiredHttpHeaders",
            "RequiresClosing",
            "RequiresLooping",
            "RequiresOpening",
            "Size",
            "SupportsDirectPlay",
            "SupportsDirectStream",
            "SupportsProbing",
            "SupportsTranscoding",
            "TranscodingSubProtocol",
            "Trickplay",
            "UseMostCompatibleTranscodingProfile",
            "VideoType",
            "Width",
        ),
        _FILES,
    ),
    **dict.fromkeys(
        (
            "AirDays",
            "BackdropImageTags",
            "CanDelete",
            "CanDownload",
            "DateLastMediaAdded",
            "DisplayPreferencesId",
            "EnableMediaSourceDisplay",
            "ExternalUrls",
            "GenreItems",
            "Genres",
            "ImageBlurHashes",
            "LocalTrailerCount",
            "LockData",
            "LockedFields",
            "People",
            "PlayAccess",
            "PrimaryImageAspectRatio",
            "ProductionLocations",
            "RemoteTrailers",
            "SeriesStudio",
            "SpecialFeatureCount",
            "Studios",
            "Taglines",
            "Tags",
        ),
        _DISPLAY,
    ),
    **dict.fromkeys(
        (
            "CastReceiverId",
            "DisplayCollectionsView",
            "EnableLocalPassword",
            "EnableNextEpisodeAutoPlay",
            "GroupedFolders",
            "HidePlayedInLatest",
            "LatestItemsExcludes",
            "MyMediaExcludes",
            "OrderedViews",
            "RememberAudioSelections",
            "RememberSubtitleSelections",
            "SubtitleLanguagePreference",
            "SubtitleMode",
        ),
        _DISPLAY,
    ),
    **dict.fromkeys(
        (
            "BlockUnratedItems",
            "BlockedChannels",
            "BlockedMediaFolders",
            "EnableAllChannels",
            "EnableAudioPlaybackTranscoding",
            "EnableCollectionManagement",
            "EnableContentDeletion",
            "EnableContentDeletionFromFolders",
            "EnableContentDownloading",
            "EnableLiveTvAccess",
            "EnableLiveTvManagement",
            "EnableLyricManagement",
            "EnableMediaConversion",
            "EnableMediaPlayback",
            "EnablePlaybackRemuxing",
            "EnablePublicSharing",
            "EnableRemoteControlOfOtherUsers",
            "EnableSharedDeviceControl",
            "EnableSubtitleManagement",
            "EnableSyncTranscoding",
            "EnableVideoPlaybackTranscoding",
            "EnabledChannels",
            "ForceRemoteSourceTranscoding",
            "InvalidLoginAttemptCount",
            "RemoteClientBitrateLimit",
            "SyncPlayAccess",
        ),
        _POLICY,
    ),
    **dict.fromkeys(
        (
            "CachePath",
            "InternalMetadataPath",
            "ItemsByNamePath",
            "LogPath",
            "ProgramDataPath",
            "TranscodingTempPath",
            "WebPath",
        ),
        _PATHS,
    ),
    **dict.fromkeys(
        (
            "CanLaunchWebBrowser",
            "CastReceiverApplications",
            "CompletedInstallations",
            "EncoderLocation",
            "HasUpdateAvailable",
            "LastActivityDate",
            "LastLoginDate",
            "OperatingSystemDisplayName",
            "SystemArchitecture",
        ),
        _NOBODY_READS,
    ),
    "ChildCount": "differs from one recording of the same folder to the next",
}

#: Members that only the simulated servers answer with.
NOT_RECORDED: Final[Mapping[str, str]] = {
    "Overview": "the recorded files came without descriptions",
    "PremiereDate": "the recorded films and shows named a year and no day",
    "Primary": "the recorded servers were built without pictures",
}

#: Members of which only the type is compared.
ANY_VALUE: Final[Mapping[str, str]] = {
    "DateCreated": "when the recorded files were written",
    "IsHidden": "new users are not shown at sign-in until somebody changes that",
    "Key": "changes between two requests for the same item; nothing may rely on it",
    "WebSocketPortNumber": "the port that the server happened to have",
}


@dataclass(frozen=True, slots=True)
class ExpectedDifference:
    """One answer that is otherwise; *where* are the members concerned."""

    recording: str
    sequence: str
    step: int
    where: tuple[str, ...]
    reason: str

    def is_of(self, difference: Difference, where: str) -> bool:
        """Whether this expects the difference found in that member."""
        return where == difference.where and (
            self.recording,
            self.sequence,
            self.step,
        ) == (difference.recording, difference.sequence, difference.step)


_PLAYLISTS: Final = "the recorded servers had a folder of playlists as well"

EXPECTED: Final = (
    *(
        ExpectedDifference(
            name, "items by id", 4, ("Items rows", "TotalRecordCount"), _PLAYLISTS
        )
        for name in ("10.11", "12.0")
    ),
)
"""What is otherwise in one place alone, row by row."""


def needed(difference: Difference) -> str | None:
    """Return which exception a difference needs, None if there is none for it.

    The words are those of `all_exceptions`.
    """
    ours, theirs, member = difference.ours, difference.theirs, difference.member
    if ours is None and member in NOT_SIMULATED:
        return f"not simulated: {member}"
    if theirs is None and member in NOT_RECORDED:
        return f"not recorded: {member}"
    if type(ours) is type(theirs) and member in ANY_VALUE:
        return f"any value: {member}"
    for row in EXPECTED:
        for where in row.where:
            if row.is_of(difference, where):
                return f"{row.recording}, {row.sequence}, {row.step}: {where}"
    return None


def all_exceptions() -> set[str]:
    """Return every exception that may be needed."""
    return {
        *(f"not simulated: {member}" for member in NOT_SIMULATED),
        *(f"not recorded: {member}" for member in NOT_RECORDED),
        *(f"any value: {member}" for member in ANY_VALUE),
        *(
            f"{row.recording}, {row.sequence}, {row.step}: {where}"
            for row in EXPECTED
            for where in row.where
        ),
    }
