"""A simulated Plex Media Server, as faithful as public documents and reports allow."""

from .model import PlexRole, PlexState, PlexUser
from .server import FakePlex, PlexOptions

__all__ = ["FakePlex", "PlexOptions", "PlexRole", "PlexState", "PlexUser"]
