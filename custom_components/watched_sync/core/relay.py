"""The loop that empties one lane: look, decide, write, verify, forget.

An operation leaves the outbox only when a read has shown what was wanted. Every other
answer is a verdict (`errors.classify`): wait for the server, wait for a person, try
this operation again, or give it up where a person sees it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import batched

from .backoff import IDLE_BACKOFF, LANE_BACKOFF, OPERATION_BACKOFF
from .errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    LaneDown,
    Malformed,
    Missing,
    Parked,
    Reason,
    Refused,
    Rejected,
    RetryLater,
    ServerError,
    Unreachable,
    Verdict,
    WrongServer,
    classify,
)
from .identity import Item, MediaKind
from .lane import Health, Lane, LaneUpdate, Phase
from .operation import Change, Operation, Scope
from .outbox import Outcome, Result
from .play_state import PlayState, Reading
from .ports import Clock, MediaServer, Random
from .reconcile import (
    Accept,
    Decision,
    NoOp,
    Policy,
    Push,
    decide,
    elementary,
    in_scope,
    plan_tree,
)
