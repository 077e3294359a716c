"""`toolkit build-pro`, as a function: from tasks with solutions to a self-invoking benchmark.

Every attempt is appended to a journal, and the other files are made from it, so that a killed build continues and ends with
the same bytes as an uninterrupted one. docs/build-pro.md describes the files.
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox import Box, BoxDestroyed, Limits, Sandbox, open_engine
from toolkit.benchmarks import BENCHMARKS
from toolkit.builder import review
from toolkit.builder.asked import Asker
from toolkit.builder.bases import Base, observe, read, row_of
from toolkit.builder.proposals import Attempt, Proof, Proposal, Proposer
from toolkit.builder.prove import Prover
from toolkit.builder.templates import Composer
from toolkit.errors import UsageError, room
from toolkit.models.generators import Sampling, Source
from toolkit.oracle import Oracle
from toolkit.progress import Advance
from toolkit.store.files import Journal, check_output, check_same, plain, write_atomically, write_rows, writing

BUILT, LOG, JOURNAL = "built.jsonl", "build.json", "journal.jsonl"
MAX_DEPTH = 3
CHUNK = 32
"""Tasks for which the proposer is asked in one call."""
Made = tuple[Base, Proposal | str]
"""The proposal for a base, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of `toolkit build-pro`; see its help."""

    base: str
    output: Path
    data: Path | None = None
    source: Source | None = None
    temperature: float = 0.0
    max_new_tokens: int = 1024
    seed: int = 0
    rounds: int = 4
    depth: int = 1
    limit: int = 0
    timeout_s: float = 5.0
    parallel: int = 2
    resume: bool = False
    overwrite: bool = False
    runtime: str | None = None

    def check(self) -> None:
        """Raise `UsageError` for an invalid setting."""
        if self.resume and self.overwrite:
            raise UsageError("--resume and --overwrite exclude each other")
        if self.rounds < 1 or not 1 <= self.depth <= MAX_DEPTH:
            raise UsageError(f"--rounds is at least 1, and --depth from 1 to {MAX_DEPTH}")
        if not 0 < self.timeout_s < 3600:
            raise UsageError(f"--timeout wants seconds above 0 and below 3600, not {self.timeout_s}")
        check_output(self.output, is_folder=True)

    def sampling(self) -> Sampling:
        """Return how a model is sampled. Raises `UsageError`."""
        return Sampling(temperature=self.temperature, top_p=0.95 if self.temperature else 1.0,
                        max_new_tokens=self.max_new_tokens, seed=self.seed)  # fmt: skip


@room()
def build(settings: Settings, advance: Advance = lambda *_: None) -> list[dict[str, Any]]:
    """Build a benchmark, and `depth` - 1 more, each upon the one before; return the contents of each `build.json`.

    Raises:
        UsageError: bad tasks or settings, a build of other settings, or a queue that cannot be read.
        InfrastructureError: no model, engine or disk; what was done stays, for `resume`.
    """
    settings.check()
    bases = read(settings.base, settings.data)[: settings.limit or None]
    _begin(settings, bases)
    proposer: Proposer = Asker(settings.source, settings.sampling()) if settings.source else Composer(settings.seed)
    engine, found = open_engine(settings.runtime), []
    try:
        with Sandbox(engine, settings.parallel, Limits()) as pool:
            for depth in range(1, settings.depth + 1):
                folder = settings.output / (f"depth{depth}" if depth > 1 else "")
                about = f"depth {depth}: " if settings.depth > 1 else ""
                found.append(_Build(settings, folder, about, pool, proposer, advance).run(bases))
                bases = read(str(folder / BUILT), None) if found[-1]["kept"] else []
                if not bases:
                    break
    finally:
        engine.close()
        proposer.close()
    return found


def _begin(settings: Settings, bases: Sequence[Base]) -> None:
    """Write the settings, or compare them with those of the build to be continued."""
    told = asdict(settings)
    for name in ("output", "parallel", "resume", "overwrite", "runtime", "depth", "limit"):
        del told[name]
    about = plain(told | {"tasks": [base.task_id for base in bases]})
    file = settings.output / LOG
    if file.exists() and not settings.overwrite:
        if not settings.resume:
            raise UsageError(f"{settings.output} holds a build; go on with it (--resume) or replace it (--overwrite)")
        try:
            check_same(settings.output, json.loads(file.read_bytes())["settings"], about)
        except (OSError, ValueError, LookupError, TypeError):
            raise UsageError(f"{file} cannot be read, so the build cannot go on: use --overwrite") from None
        return
    with writing(file):
        for folder in (settings.output, *(settings.output / f"depth{depth}" for depth in range(2, MAX_DEPTH + 1))):
            for name in (JOURNAL, BUILT, LOG, review.QUEUE, review.PAGE):
                (folder / name).unlink(missing_ok=True)
        write_atomically(file, (json.dumps({"settings": about}, indent=1) + "\n").encode())


@contextmanager
def _journal(folder: Path) -> Iterator[tuple[Journal, list[Attempt]]]:
    path = folder / JOURNAL
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        journal = Journal(path, UsageError(f"{folder} is being written by another process"))
    try:
        try:
            known = [Attempt.of(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        except (LookupError, TypeError, ValueError, AttributeError):
            raise UsageError(f"{path} cannot be read, so the build cannot go on: use --overwrite") from None
        yield journal, known
    finally:
        journal.close()


@dataclass(frozen=True, slots=True)
class _Build:
    """One depth of a build."""

    settings: Settings
    folder: Path
    about: str
    pool: Sandbox
    proposer: Proposer
    advance: Advance

    def run(self, bases: Sequence[Base]) -> dict[str, Any]:
        """Do what is left to do, write the files, and return the log."""
        with warnings.catch_warnings(), _journal(self.folder) as (journal, known):
            warnings.simplefilter("ignore", SyntaxWarning)  # of escapes in programs that are parsed
            by_number = {base.number: base for base in bases}
            edits = review.edited(self.folder / review.QUEUE, by_number) if self.settings.resume else {}
            attempts: dict[int, list[Attempt]] = {base.number: [] for base in bases}
            for each in known:
                if each.number in by_number and each.base == by_number[each.number].digest:
                    attempts[each.number].append(each)
            if any(not each or each[-1].proof.reason for each in attempts.values()) or edits:
                bases = list(self.pool.map(partial(observe, self.pool), bases))
            rounds = [self._round(number, bases, attempts, journal) for number in range(1, self.settings.rounds + 1)]
            changed = [(base, edits[base.number]) for base in bases if base.number in edits]
            last = 1 + max((each.round for all_ in attempts.values() for each in all_), default=0)
            self._prove(max(last, self.settings.rounds + 1), changed, attempts, journal)
            return self._written(bases, attempts, [each for each in rounds if each["tried"]])

    def _round(
        self, number: int, bases: Sequence[Base], attempts: Mapping[int, list[Attempt]], journal: Journal
    ) -> dict[str, Any]:
        """Request new proposals for bases without one that passed, and check them; return the round's line of the log."""
        before = {base.number: [each for each in attempts[base.number] if each.round < number] for base in bases}
        waiting = [base for base in bases if not any(not each.proof.reason for each in before[base.number])]
        done = {each.number for all_ in attempts.values() for each in all_ if each.round == number}
        for at in range(0, len(waiting), CHUNK):
            chunk = waiting[at : at + CHUNK]  # whole: answers of a model may depend on what it is asked beside
            if not done.issuperset(base.number for base in chunk):
                proposals = self.proposer.propose([(base, before[base.number]) for base in chunk], number)
                both = zip(chunk, proposals, strict=True)
                made = [(base, each) for base, each in both if each and base.number not in done]
                self._prove(number, made, attempts, journal)
        passed = sum(any(not each.proof.reason for each in attempts[base.number] if each.round <= number) for base in bases)
        tried = sum(each.round == number for all_ in attempts.values() for each in all_)
        return _line(f"round {number}", tried, passed, len(bases))

    def _prove(
        self, number: int, made: Sequence[Made], attempts: Mapping[int, list[Attempt]], journal: Journal
    ) -> None:
        """Check proposals, and journal each as soon as it is checked."""
        oracle = Oracle(self.pool, BENCHMARKS["humaneval-pro"], {}, "", timeout_s=self.settings.timeout_s)
        prover = Prover(oracle=oracle, timeout_s=self.settings.timeout_s)

        def told(one: Made, proof: Proof) -> Attempt:
            base, made = one
            proposal = None if isinstance(made, str) else made
            return Attempt(number=base.number, base=base.digest, round=number, proposal=proposal, proof=proof)

        def act(box: Box, one: Made) -> Attempt:
            base, made = one
            return told(one, Proof(reason=made) if isinstance(made, str) else prover.prove(box, base, made))

        def failed(one: Made, error: Exception) -> Attempt:
            if not isinstance(error, BoxDestroyed):
                raise error
            return told(one, Proof(reason="its box did not survive it"))

        for n_done, attempt in enumerate(self.pool.map(act, made, failed=failed), 1):
            with writing(journal.path):
                journal.append(attempt.line())
            attempts[attempt.number].append(attempt)
            self.advance(f"{self.about}round {number}", n_done, len(made))

    def _written(
        self, bases: Sequence[Base], attempts: Mapping[int, list[Attempt]], rounds: list[dict[str, Any]]
    ) -> dict[str, Any]:
        last = {base.number: attempts[base.number][-1] if attempts[base.number] else None for base in bases}
        rows = [review.row(base, last[base.number]) for base in bases]
        kept = [row for row in rows if row["state"] == "passed"]
        by_hand = sum(each.round > self.settings.rounds for all_ in attempts.values() for each in all_)
        if by_hand:
            rounds.append(_line("by hand", by_hand, len(kept), len(bases)))
        built = [
            row_of(base, row["new_problem"], row["new_solution"], row["tests"])
            for base, row in zip(bases, rows, strict=True) if row["state"] == "passed"
        ]  # fmt: skip
        hows = [row["how"].split(" ")[0] for row in kept]
        log: dict[str, Any] = {
            "tasks": len(bases), "kept": len(kept), "rounds": rounds, "proposer": plain(self.proposer.about),
            "wrong_programs": sum(row["mutants"] for row in kept), "asserts": sum(len(row["calls"]) for row in kept),
            "how": {how: hows.count(how) for how in sorted(set(hows))},
            "dropped": [{"task_id": row["task_id"], "reason": row["reason"]} for row in rows if row["state"] != "passed"],
        }  # fmt: skip
        folder, file = self.folder, self.folder / LOG
        with writing(folder):
            log["sha256"] = {BUILT: write_rows(folder / BUILT, built), review.QUEUE: write_rows(folder / review.QUEUE, rows)}
            title = f"{self.about}{self.settings.base}, self-invoking: {len(kept)} of {len(bases)} tasks"
            write_atomically(folder / review.PAGE, review.page(title, rows, rounds))
            begun = json.loads(file.read_bytes()) if file.exists() else {}
            write_atomically(file, (json.dumps({**begun, **log}, indent=1) + "\n").encode())
        return log | {"folder": str(folder)}


def _line(name: str, tried: int, passed: int, of: int) -> dict[str, Any]:
    return {"name": name, "tried": tried, "passed": passed, "of": of, "percent": round(100 * passed / of, 1)}
