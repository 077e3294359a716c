"""Tables of calls: inputs go into the program's box, answers come out, and the host compares.

Equal bytes are right, by a digest that the supervisor computes; values are compared by the benchmark's own rule only if
their bytes differ.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox import Batch, Box, BoxOutOfMemory, Session, Status
from sandbox.wire import codec
from toolkit.benchmarks.compare import matches
from toolkit.oracle.base import Findings, Judge, Rules
from toolkit.oracle.expected import Chunk, Expected
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, at_call, earned, of_end, of_frame
from toolkit.records import Table, Task, Verdict


def judge(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> Findings:
    """Have the program answer all calls, in one process unless that ends early.

    One call may take `timeout_s`, and all of them together `total_timeout_s`; four times what the canonical solution
    took is added to both. A task without plus calls gets its base finding for its plus part. With `rules.fail_fast`, a part
    that comes after a failed one is left out, and its finding is that of the failed one.

    Raises:
        SandboxError, OSError: a failure of ours.
    """
    right = rules.answers.of(task, box)
    found = _Judging(
        task=task, calls=task.tests_as(Table).calls, right=right, solution=solution, box=box, rules=rules, facts=facts
    ).findings([chunk for chunk in right.chunks if not (rules.base_only and chunk.plus)])
    return found[False], found.get(True, found[False]) if rules.has_plus(task) else None


def _cost_s(task: Task, rules: Rules) -> float:
    known = rules.answers.known(task)
    return known.charged_s if known else 0.0


JUDGE = Judge(findings=judge, canary=Table(base=([1], [2.5]), plus=(["ab"],)), cost_s=_cost_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    """One program answering one table. Parts are keyed by whether they are the plus part.

    Attributes:
        found: the finding of each part that has been decided.
        n_calls: how many calls each part has.
        n_right: how many answers of a part are known to be right.
    """

    task: Task
    calls: list[Sequence[Any]]
    right: Expected
    solution: str
    box: Box
    rules: Rules
    facts: Facts
    found: dict[bool, Finding] = field(default_factory=dict)
    n_calls: Counter[bool] = field(default_factory=Counter)
    n_right: Counter[bool] = field(default_factory=Counter)

    def findings(self, all_chunks: Sequence[Chunk]) -> dict[bool, Finding]:
        """Return the finding of each part that has calls."""
        for chunk in all_chunks:
            self.n_calls[chunk.plus] += chunk.n_calls
        chunks = all_chunks
        while chunks:
            self._run(chunks)
            chunks = [
                chunk for chunk in all_chunks
                if chunk.plus not in self.found and self.n_right[chunk.plus] < self.n_calls[chunk.plus] and not self._is_over
            ]  # fmt: skip
        for part, n in self.n_calls.items():
            if part not in self.found and not (self._is_over and self.n_right[part] < n):
                self.found[part] = earned(n, self.n_right[part])
        return self.found

    @property
    def _is_over(self) -> bool:
        """Whether enough has failed to stop early; before all calls are done, only failures are known."""
        return self.rules.fail_fast and bool(self.found)

    def _run(self, chunks: Sequence[Chunk]) -> None:
        """Run one process of the program over chunks; record why a part failed, or how many of its calls are right.

        If the process ends early, the part it was at has failed. A part that it did not reach stays undecided, and the
        caller runs it in a new process, as EvalPlus does. A process that writes anything but answers fails in all parts;
        when that is noticed is chance, so what it writes after a wrong answer costs no part that was complete before.
        """
        rules, call_s = self.rules, self.rules.timeout_s
        total = min(rules.total_timeout_s, call_s * sum(chunk.n_calls for chunk in chunks)) + 4 * self.right.charged_s
        limits = replace(rules.limits, charged_s=total, cpu_s=2 * total)
        listed = rules.benchmark.is_set(self.task)
        at = chunks[0].plus
        try:
            with self.box.calls(
                self.solution, self.task.entry_point, limits=limits, call_s=call_s, listed=listed
            ) as session:
                for chunk in chunks:
                    if chunk.plus in self.found:
                        continue
                    at = chunk.plus
                    loaded, finding = self._ask(session, chunk, is_last=chunk is chunks[-1])
                    if finding is not None:
                        self.found.update({at: finding} if loaded else {chunk.plus: finding for chunk in chunks})
                    if self._is_violated(session) or (finding and session.execution) or self._is_over:
                        break
                    self.n_right[at] += 0 if finding else chunk.n_calls
                self.facts.add(end := session.end())
                if end.status is Status.VIOLATED and not (self._is_over and at in self.found):
                    done = {part for part, n in self.n_right.items() if at in self.found and n == self.n_calls[part]}
                    for part in {chunk.plus for chunk in chunks} - done:
                        self.found.setdefault(part, of_end(end, "beside its answers"))
        except BoxOutOfMemory:
            self.found.setdefault(at, Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX))

    def _ask(self, session: Session, chunk: Chunk, *, is_last: bool) -> tuple[bool, Finding | None]:
        """Make the calls of a chunk; return whether the program was loaded, and a finding unless all answers are right."""
        calls = self.calls[chunk.first : chunk.first + chunk.n_calls]
        call_s = self.rules.timeout_s + 4 * chunk.charged_s
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
                    if batch.more:  # still at work on this chunk: the other part gets a process of its own
                        session.end()
                    return True, finding
            n_right += batch.n_frames
            if not batch.more:
                break
            batch = session.more()
        if n_right != chunk.n_calls and not self._is_violated(session):
            at = min(n_right, chunk.n_calls - 1)
            found = of_end(session.end(), f"in call {chunk.first + at}")
            return True, self._at(found, chunk, at, wanted) if n_right == at else found
        return True, None

    def _at(
        self,
        finding: Finding,
        chunk: Chunk,
        at: int,
        wanted: Sequence[tuple[bytes, bytes]] | None,
        got: bytes | None = None,
        *,
        said: bytes | None = None,
    ) -> Finding:
        """Return a finding, with the call of the chunk that it is about; `wanted` are the chunk's right answers, if read."""

        def expected() -> bytes | None:
            right = self.right.frames(chunk) if wanted is None else wanted
            return right[at][1] if right else None

        number = chunk.first + at
        return at_call(finding, number, lambda: codec.encode_batch([self.calls[number]]), expected, got, said=said)

    @staticmethod
    def _is_violated(session: Session) -> bool:
        return session.execution is not None and session.execution.status is Status.VIOLATED

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
        """Compare answers one by one, starting with call `first` of the chunk; return None if all that came are right."""
        if not batch.n_frames:
            return None
        stream = session.fetch() if batch.stream is None else batch.stream
        if not stream or not wanted:  # too long to keep, in the box or here
            return self._unkept(session, batch, chunk, stream, first)
        part = wanted[first : first + batch.n_frames]
        if hashlib.blake2b(codec.join_frames(list(part)), digest_size=16).hexdigest() == batch.digest:
            return None
        got = codec.split_frames(stream, min(batch.n_frames, len(part)), strict=False)
        if len(got) != batch.n_frames:
            return Finding(Verdict.RUNTIME_ERROR, f"{chunk.where}: fewer answers than were counted")
        for at, ((kind, body), right) in enumerate(zip(got, part, strict=True), first):
            if (kind, body) == right:
                continue
            where = f"in call {chunk.first + at}"
            if kind != codec.RETURNED:
                return self._at(of_frame(kind, body, where), chunk, at, wanted, said=body)
            if not matches(self.rules.benchmark, self.task, calls[at], right[1], body):
                found = Finding(Verdict.WRONG_ANSWER, f"{where}: another value than expected")
                return self._at(found, chunk, at, wanted, body)
        return None

    def _unkept(self, session: Session, batch: Batch, chunk: Chunk, stream: bytes, first: int) -> Finding:
        """Judge answers whose digest differs and that are too long to be compared one by one."""
        got = codec.split_frames(stream, batch.n_frames, strict=False)
        if got and got[-1][0] != codec.RETURNED:
            at = first + len(got) - 1
            return self._at(of_frame(*got[-1], f"in call {chunk.first + at}"), chunk, at, (), said=got[-1][1])
        if batch.n_values == batch.n_frames == chunk.n_calls - first:
            return Finding(Verdict.WRONG_ANSWER, f"{chunk.where}: other values than expected, by their digest")
        return of_end(session.end(), chunk.where)
