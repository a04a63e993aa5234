"""Whether a worker still has the chunk that it works on.

A worker that was frozen, or could not reach Redis, counts as dead, and its chunk is begun by
another. When it goes on, it must neither store predictions a second time nor end the other's chunk.
"""

from dataclasses import dataclass
from functools import cached_property

from .recent_yes import RecentYes
from .run import Chunk
from .run_store import RunStore


@dataclass(frozen=True)
class ChunkHold:
    """One worker's hold of a chunk.

    Attributes:
        store: where runs are.
        run_id: of the chunk's run.
        chunk: what is held.
        attempt: the how-manieth worker this is.
    """

    store: RunStore
    run_id: str
    chunk: Chunk
    attempt: int

    def is_kept(self) -> bool:
        """Whether nobody has begun it since, and the run was not resumed without it."""
        return self.store.is_held(self.run_id, self.chunk.id, self.attempt)

    @cached_property
    def was_kept(self) -> RecentYes:
        """Whether it was kept a moment ago, for who only spares themselves work by asking."""
        return RecentYes(self.is_kept)

    def is_alone(self) -> bool:
        """Whether nobody else can be at these tasks."""
        return self.attempt == 1 and not self.chunk.is_doubtful and self.is_kept()
