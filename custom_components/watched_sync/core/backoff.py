"""How long to wait before trying again."""

from dataclasses import dataclass

from .ports import Random

#: Beyond this many doublings every sensible cap is reached.
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """Capped exponential delays with full jitter, in seconds.

    The n-th delay is drawn evenly between `floor` and `base` x 2^n, at most `cap`:
    many clients of one server that came back do not return in step.
    """

    base: float
    cap: float
    floor: float = 0.5

    def delay(self, failures: int, rng: Random, at_least: float | None = None) -> float:
        """Return seconds to wait after the *failures*-th failure in a row (from 1).

        *at_least* is what the server asked for (`Retry-After`); it is honoured up to
        ten times the cap, so that a mistaken header cannot stop a queue for days.
        """
        doublings = min(max(failures - 1, 0), _MAX_DOUBLINGS)
        ceiling = min(self.base * 2**doublings, self.cap)
        drawn = rng.uniform(min(self.floor, ceiling), ceiling)
        if at_least is None:
            return drawn
        return max(drawn, min(at_least, self.cap * 10))


#: A lane whose server is away, while something waits to be delivered.
LANE_BACKOFF = Backoff(base=1.0, cap=30.0)

#: The same while nothing waits: only the connection is shown.
IDLE_BACKOFF = Backoff(base=5.0, cap=300.0, floor=5.0)

#: A server that does not let us in for now, waiting or not: a ban of a proxy lasts the
#: longer the more often somebody knocks.
FORBIDDEN_BACKOFF = Backoff(base=60.0, cap=300.0, floor=30.0)

#: One operation that the server answered, but did not carry out.
OPERATION_BACKOFF = Backoff(base=4.0, cap=900.0, floor=2.0)
