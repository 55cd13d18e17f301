"""A simulated Jellyfin server: real HTTP, websockets and start-up, 10.10 to 12.0."""

from .profile import Phase
from .server import FakeJellyfin, JellyfinState
from .user_data import TICKS_PER_SECOND, ResumeRules

__all__ = ["TICKS_PER_SECOND", "FakeJellyfin", "JellyfinState", "Phase", "ResumeRules"]
