"""Tables of calls: inputs go into the program's box, answers come out, and the host compares."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Batch, Box, BoxOutOfMemory, Limits, Session, Status
from sandbox.wire import codec
from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.compare import matches
from toolkit.oracle import expected as answers
from toolkit.oracle.expected import Chunk, Expected
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, earned, of_end, of_frame
from toolkit.records import Task, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of one task, and what bounds a program that answers it.

    Attributes:
        right: the right answers.
        limits: of memory, files and output; times are set for each process.
        timeout_s: of one call, to which four times what the canonical solution took for its chunk is added.
        total_timeout_s: of all calls together, unless they may take less; four times what the canonical solution took
            for all is added.
        base_only: leaves the plus inputs out.
    """

    benchmark: Benchmark
    task: Task
    right: Expected
    limits: Limits
    timeout_s: float
    total_timeout_s: float
    base_only: bool = False

    def judge(self, solution: str, box: Box, facts: Facts) -> tuple[Finding, Finding | None]:
        """Return what the base and the plus part showed; that of the base for both where the task has no plus inputs."""
        all_chunks = [chunk for chunk in self.right.chunks if not (self.base_only and chunk.plus)]
        n_calls, n_right = Counter[bool](), Counter[bool]()
        for chunk in all_chunks:
            n_calls[chunk.plus] += chunk.n_calls
        found: dict[bool, Finding] = {}
        chunks = all_chunks
        while chunks:
            self._run(solution, box, chunks, found, n_right, facts)
            chunks = [chunk for chunk in all_chunks if chunk.plus not in found and n_right[chunk.plus] < n_calls[chunk.plus]]
        for part, n in n_calls.items():
            if part not in found:
                found[part] = earned(n, n_right[part])
        return found[False], None if self.base_only else found.get(True, found[False])

    def _run(
        self,
        solution: str,
        box: Box,
        chunks: Sequence[Chunk],
        found: dict[bool, Finding],
        n_right: Counter[bool],
        facts: Facts,
    ) -> None:
        """Run one process of the program over chunks; note for each part why it has failed, or how many calls are right.

        When the process ends before its time, the part in which that happened has failed, and a part that it did not
        come to is left as it was: the caller runs that in a new process, as EvalPlus does. A process that writes what is
        no answer has failed in all parts.
        """
        total = min(self.total_timeout_s, self.timeout_s * sum(chunk.n_calls for chunk in chunks)) + 4 * self.right.charged_s
        limits = replace(self.limits, charged_s=total, cpu_s=2 * total)
        listed = self.benchmark.is_set(self.task)
        at = chunks[0].plus
        try:
            with box.calls(solution, self.task.entry_point, limits=limits, call_s=self.timeout_s, listed=listed) as session:
                for chunk in chunks:
                    if chunk.plus in found:
                        continue
                    at = chunk.plus
                    loaded, finding = self._ask(session, chunk, is_last=chunk is chunks[-1])
                    if finding is None:
                        n_right[at] += chunk.n_calls
                        continue
                    found.update({at: finding} if loaded else {chunk.plus: finding for chunk in chunks})
                    if session.execution is not None:
                        break
                facts.add(end := session.end())
                if end.status is Status.VIOLATED:  # when it is noticed is chance: so it is what all parts show
                    found.update({chunk.plus: of_end(end, "beside its answers") for chunk in chunks})
        except BoxOutOfMemory:
            found.setdefault(at, Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX))

    def _ask(self, session: Session, chunk: Chunk, *, is_last: bool) -> tuple[bool, Finding | None]:
        """Have the calls of a chunk made; return whether the program was loaded, and None where every answer is right."""
        calls = answers.inputs(self.task)[chunk.first : chunk.first + chunk.n_calls]
        call_s = self.timeout_s + 4 * chunk.charged_s
        blob = codec.encode_batch(calls)
        batch = session.batch(blob, chunk.n_calls, last=is_last, call_s=call_s, in_parts=bool(chunk.n_bytes))
        if not batch.loaded:
            return False, self._unloaded(session, batch)
        n_right = 0
        wanted: list[tuple[bytes, bytes]] | None = None
        while True:
            if batch.n_frames != chunk.n_calls or batch.digest != chunk.digest:
                wanted = self.right.frames(chunk) if wanted is None else wanted
                finding = self._compare(session, batch, chunk, calls, wanted, n_right)
                if finding is not None:
                    if batch.more:  # it is still at work on this chunk: the other part gets a process of its own
                        session.end()
                    return True, finding
            n_right += batch.n_frames
            if not batch.more:
                break
            batch = session.more()
        end = session.execution
        if n_right != chunk.n_calls or (end is not None and end.status is Status.VIOLATED):
            return True, of_end(session.end(), f"in call {chunk.first + min(n_right, chunk.n_calls - 1)}")
        return True, None

    @staticmethod
    def _unloaded(session: Session, batch: Batch) -> Finding:
        try:
            got = session.frames(batch)
        except codec.CodecError as error:
            return Finding(Verdict.RUNTIME_ERROR, str(error))
        where = "while it was loaded"
        if got and got[0][0] in (codec.RAISED, codec.COMPILE_ERROR):
            return of_frame(*got[0], where)
        return of_end(session.end(), where)

    def _compare(
        self,
        session: Session,
        batch: Batch,
        chunk: Chunk,
        calls: Sequence[Any],
        wanted: Sequence[tuple[bytes, bytes]],
        first: int,
    ) -> Finding | None:
        """Look at answers one by one, from that to call `first` of the chunk on; None where all that are there are right."""
        if not batch.n_frames:
            return None
        stream = session.fetch() if batch.stream is None else batch.stream
        if not stream or not wanted:  # too long to be kept, there or here
            return self._unkept(session, batch, chunk, stream, first)
        part = wanted[first : first + batch.n_frames]
        if hashlib.blake2b(codec.join_frames(list(part)), digest_size=16).hexdigest() == batch.digest:
            return None
        try:
            got = codec.split_frames(stream, min(batch.n_frames, len(part)))
        except codec.CodecError as error:
            return Finding(Verdict.RUNTIME_ERROR, str(error))
        if len(got) != batch.n_frames:
            return Finding(Verdict.RUNTIME_ERROR, f"{chunk.where}: fewer answers than were counted")
        for at, ((kind, body), right) in enumerate(zip(got, part, strict=True), first):
            if (kind, body) == right:
                continue
            where = f"in call {chunk.first + at}"
            if kind != codec.RETURNED:
                return of_frame(kind, body, where)
            if not matches(self.benchmark, self.task, calls[at], right[1], body):
                return Finding(Verdict.WRONG_ANSWER, f"{where}: another value than expected")
        return None

    @staticmethod
    def _unkept(session: Session, batch: Batch, chunk: Chunk, stream: bytes, first: int) -> Finding:
        """Judge answers that cannot be compared one by one, and are not those expected."""
        try:
            got = codec.split_frames(stream, batch.n_frames)
        except codec.CodecError as error:
            return Finding(Verdict.RUNTIME_ERROR, str(error))
        if got and got[-1][0] != codec.RETURNED:
            return of_frame(*got[-1], f"in call {chunk.first + first + len(got) - 1}")
        if batch.n_values == batch.n_frames == chunk.n_calls - first:
            return Finding(Verdict.WRONG_ANSWER, f"{chunk.where}: other values than expected, by their digest")
        return of_end(session.end(), chunk.where)
