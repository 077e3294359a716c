"""A run as one HTML file: scores with intervals, verdicts, measurements, and every sample with what went wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from toolkit.analysis import curves
from toolkit.records import Result
from toolkit.report import figures, words
from toolkit.report.samples import Embedded, Shown, embed
from toolkit.report.summary import counts
from toolkit.report.table import Column, Section
from toolkit.report.templates import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.report.figures import Figure

    Texts = Callable[[tuple[str, int]], tuple[str | None, str | None]]
    Findings = Callable[[str], Sequence[tuple[str, str, str, int | None]]]

WITHOUT = "Figures of pass@k, time and memory: toolkit report RUN draws them."
BEYOND = "Histograms leave out {n}, whose verdicts were known without a run or which were not measured."
CURVE = (
    Column(("part",), "tests"), Column(("k",), "k", "number"), Column(("value",), "pass@k", "number", words.percent),
    Column(("low",), "from", "number", words.percent), Column(("high",), "to", "number", words.percent),
    Column(("value",), "", "bar", width=24),
)  # fmt: skip
_BINS = (Column(("n",), "samples", "number", "{:,}".format), Column(("share",), "share", "number", words.percent),
         Column(("share",), "", "bar"))  # fmt: skip
SPREAD = (
    Column(("what",), ""), Column(("n",), "samples", "number", "{:,}".format), Column(("median",), "median", "number"),
    Column(("p90",), "90 % are below", "number"), Column(("max",), "largest", "number"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a run's folder holds, and what else its page shows.

    Attributes:
        summary, run: what `summary.json` and `run.json` hold.
        results: in the order of the input.
        texts: returns program and raw answer of a (task_id, sample_id), each None if it is not known.
        facts: rows of `executions.jsonl` by (task_id, sample_id).
        prompts: by task id.
        findings: returns what gates found in a program: (gate, symbol, message, line) of each.
        notes: what could not be had, a sentence each.
    """

    summary: Mapping[str, Any]
    run: Mapping[str, Any]
    results: Sequence[Result]
    texts: "Texts" = lambda _: (None, None)
    facts: Mapping[tuple[str, int], Mapping[str, Any]] | None = None
    prompts: Mapping[str, str] | None = None
    findings: "Findings" = lambda _: ()
    notes: Sequence[str] = ()

    @property
    def subject(self) -> str:
        """What wrote the samples: the model with its adapter, else the file's name."""
        samples = self.run.get("settings", {}).get("samples") or "report"
        if isinstance(samples, Mapping):
            return " + ".join(str(samples[name]) for name in ("model", "adapter") if samples.get(name))
        return PurePath(str(samples)).name

    @property
    def date(self) -> str:
        """When the run began, to the minute, or nothing."""
        return str(self.run.get("date", ""))[:16].replace("T", " ")

    def shown(self, place: int = 0) -> Iterator[Shown]:
        """Yield the samples as pages show them, those of a task together."""
        order: dict[str, list[Result]] = {}
        for result in self.results:
            order.setdefault(result.task_id, []).append(result)
        for results in order.values():
            for result in results:
                key = result.task_id, result.sample_id
                program, raw = self.texts(key)
                facts = (self.facts or {}).get(key)
                known = (facts or {}) if is_measured(facts) else {}
                memory = known.get("memory_peak_bytes")
                yield Shown(
                    run=place, result=result, program=program, raw=raw, seconds=known.get("charged_s"),
                    memory_mb=memory / 1e6 if memory else None, findings=self.findings(program) if program else (),
                )  # fmt: skip


def is_measured(facts: Mapping[str, Any] | None) -> bool:
    """Return whether a sample was run and measured, given its row of `executions.jsonl`."""
    return bool(facts) and not (facts or {}).get("cached") and bool((facts or {}).get("charged_s"))


def sections(judged: Judged) -> dict[str, Section]:
    """Return the tables of a run's page by the names of their files; those without a row are left out."""
    summary = judged.summary
    scored: list[dict[str, Any]] = []
    for part in summary["pass_at_k"] if not summary["refused"] else ():
        scored += [
            {"part": part, "style": part, **row} for row in curves.pass_at_ks(list(counts(judged.results, part).values()))
        ]
    measured = [facts for facts in (judged.facts or {}).values() if is_measured(facts)]
    seconds = [float(facts["charged_s"]) for facts in measured]
    memory = [facts["memory_peak_bytes"] / 1e6 for facts in measured if facts.get("memory_peak_bytes")]
    named = (("seconds a sample, as charged", seconds), ("memory at its peak, MB", memory))
    n_beyond = len(judged.results) - len(measured)
    beyond = BEYOND.format(n=words.number(n_beyond, "sample")) if n_beyond and measured else ""
    made = {
        "scores": Section(
            "Scores",
            words.SCORES,
            [{**row, "low": row["between"][0], "high": row["between"][1]} for row in words.scores(summary)],
        ),
        "verdicts": Section("Verdicts", words.VERDICTS, words.verdicts(summary)),
        "pass-at-k": Section("pass@k over k, with 95 % intervals over tasks", CURVE, scored),
        "measured": Section(
            "What programs take", SPREAD, [{"what": what, **curves.spread(each)} for what, each in named if each], beyond
        ),
        "seconds": Section("Seconds a sample", [_range("s"), *_BINS], _bins(seconds)),
        "memory": Section("Memory at its peak", [_range("MB"), *_BINS], _bins(memory)),
    }
    return {name: section for name, section in made.items() if section.rows}


def drawn(tables: Mapping[str, Section], about: str) -> "dict[str, Figure]":
    """Return the figures of a run's page by the names of their files; of tables that `sections` returned."""
    made = {}
    if curve := tables.get("pass-at-k"):
        lines: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in curve.rows:
            lines.setdefault(row["part"], []).append((row["k"], row["value"], row["low"], row["high"]))
        if max(map(len, lines.values())) > 1:
            says = "At least one of k samples passes; the 95 % intervals are over tasks like these."
            made["pass-at-k"] = figures.plot(f"pass@k over k ({about})", lines, says=says, x="k", is_log=True)
    for name, x in (("seconds", "seconds, as charged against the limit"), ("memory", "MB")):
        if table := tables.get(name):
            n = sum(row["n"] for row in table.rows)
            says = "Bins hold what is at least their lower bound and below the upper one."
            made[name] = figures.bars(f"{table.title} ({about}, n = {n:,})", table.rows, x, says)
    return made


def _bins(values: Sequence[float]) -> list[dict[str, Any]]:
    return [{**row, "style": "base", "range": f"{row['start']:g} to {row['end']:g}"} for row in curves.histogram(values)]


def _range(unit: str) -> Column:
    return Column(("range",), unit)


def html(judged: Judged, pictures: "Iterable[Figure]" = (), missing: str = "") -> str:
    """Return the page of a run.

    Args:
        judged: of the run.
        pictures: what `drawn` returned.
        missing: why there is none, or nothing.
    """
    summary, run = judged.summary, judged.run
    said = [words.comparison(summary), *words.cut(summary), *words.budget(summary)]
    said.append(words.generation(summary.get("generation")))
    tables = sections(judged)
    samples = embed(judged.shown(), len(judged.results), prompts=judged.prompts)
    return fill(
        "run.html", script="samples.js",
        benchmark=summary["benchmark"], subject=judged.subject, extent=words.extent(summary), about=_about(judged),
        refused=summary["refused"], warnings=summary["warnings"], cost=words.cost(summary), scores=words.scores(summary),
        verdicts=tables.get("verdicts"), notes=words.unscored(summary) + list(filter(None, said)), missing=missing,
        figures=figures_of(pictures),
        tables=[tables[name] for name in ("pass-at-k", "measured", "seconds", "memory") if name in tables],
        left_out=judged.notes, samples=markup(samples), settings=_facts(run),
    )  # fmt: skip


def markup(samples: Embedded) -> Embedded:
    """Return the blocks as what a template puts on a page as it is: no `<` is in them."""
    from markupsafe import Markup

    blocks: list[tuple[str, bool, str]] = [(name, is_packed, Markup(text)) for name, is_packed, text in samples.blocks]
    return Embedded(blocks, samples.notes, samples.n)


def figures_of(pictures: "Iterable[Figure]") -> list[tuple["Figure", str]]:
    """Return figures with their SVG as markup, but those for files alone."""
    from markupsafe import Markup

    return [(figure, Markup(figure.svg)) for figure in pictures if figure.svg]


def _about(judged: Judged) -> list[tuple[str, str]]:
    """Return model, file and date, as far as the run says."""
    samples = judged.run.get("settings", {}).get("samples")
    model = samples.get("model") if isinstance(samples, Mapping) else None
    file = None if isinstance(samples, Mapping) else samples
    return [
        ("model", judged.subject if model else "not recorded: a file was judged"),
        ("file", str(file) if file else "written by the model"), ("date", judged.date or "not recorded"),
    ] if samples else []  # fmt: skip


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten `run.json` into lines."""
    lines: list[tuple[str, str]] = []
    for name, value in run.items():
        inner = _facts(value) if isinstance(value, dict) else [("", f"{value}")]
        lines += [(f"{name} {key}".rstrip(), it) for key, it in inner]
    return lines
