"""A simulated Plex Media Server, as faithful as public documents and reports allow."""

from .core import PlexOptions
from .model import PlexRole, PlexState, PlexUser
from .server import FakePlex

__all__ = ["FakePlex", "PlexOptions", "PlexRole", "PlexState", "PlexUser"]
