"""What a hostile program costs is its own row: answers, findings and reports are bounded, and nonsense is a fact."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from gates import GATES, All, Corpus, Finding, Report, Solution, parse
from gates.base import MAX_FINDINGS, MAX_MESSAGE, MAX_SYMBOL, MAX_TEXT, MORE, batched
from gates.compile import Compile
from gates.decontaminate import Decontaminate, _Known
from gates.noisy import Noisy
from gates.quality import Quality
from gates.tests import _shown
from sandbox import Box, BoxLost, BoxOutOfMemory, DockerEngine, Execution, Limits, Sandbox, Status
from tests.images.test_tools import LONG_NAMES

GOOD = '"""A square."""\n\n\ndef square(x):\n    """Return x squared."""\n    return x * x\n'
NO_BOX = cast(Sandbox, None)
LIMITS = Limits(charged_s=60, cpu_s=60)


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2) as sandbox:
        yield sandbox


def test_twenty_rows_that_ended_a_run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "é" * 500_000
    long = f"def f():\n    {name[:200_000]} = 1\n    global {name[:200_000]}\n"
    texts = [GOOD, *[long] * 20, *["\x01" * 1_000_000] * 20, *[name] * 20, GOOD]
    with monkeypatch.context() as patch:
        patch.setattr(Compile, "_newer", lambda *_: None)  # ruff needs seconds for a million errors
        passed = [report.passed for (report,) in parse("compile").check_many(texts, sandbox)]
    assert passed == [True, *[False] * 40, *[True] * 20, True]
    reports = [reports[0] for reports in parse("quality").check_many([LONG_NAMES, GOOD], sandbox)]
    assert [report.passed for report in reports] == [False, True]
    assert len(json.dumps(reports[0].to_row())) < 1_000_000


@pytest.mark.parametrize("kind", ["quality", "import", "tests"])
def test_a_byte_order_mark_is_no_part_of_a_program(kind: str, sandbox: Sandbox) -> None:
    test = "def check(candidate):\n    assert candidate(2) == 4\n"
    programs = [Solution(code=code, test=test) for code in ("\ufeff" + GOOD, "\ufeffdef square(x):\n    return x * x\n", "\ufeffx = (")]
    whole, bare, broken = [report for (report,) in parse(kind).check_many(programs, sandbox)]
    assert (whole.passed, broken.passed) == (True, False)
    assert bare.passed or kind == "quality"


def test_a_test_that_never_ends_ends(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each call takes here is charged neither to the test nor to the program."""
    monkeypatch.setattr("gates.tests.MAX_CALLS", 40)
    tests = [f"for i in {what}: assert square(i) == i * i" for what in ("range(40)", "range(41)", "__import__('itertools').count()")]
    reports = [report for (report,) in parse("tests").check_many([Solution(code=GOOD, test=test) for test in tests], sandbox)]
    assert [[one.symbol for one in report.findings] for report in reports] == [[], ["time-limit"], ["time-limit"]], reports
    assert [report.values["calls"] for report in reports] == [40] * 3
    assert reports[2].findings[0].message == "the test asks for more than 40 calls"


# -- findings and reports ----------------------------------------------------------------------------------------------


def test_a_finding_is_cut_when_it_is_made() -> None:
    finding = Finding(symbol="s" * 1_000_000, message="m" * 1_000_000)
    assert (len(finding.symbol), len(finding.message)) == (MAX_SYMBOL, MAX_MESSAGE)
    assert finding.symbol.endswith("…")
    assert replace(finding, line=3) == Finding(symbol=finding.symbol, message=finding.message, line=3)
    whole = Finding(symbol="s" * MAX_SYMBOL, message="m" * MAX_MESSAGE)
    assert (whole.symbol[-1], whole.message[-1]) == ("s", "m")
    wrong: list[dict[str, Any]] = [{"symbol": None}, {"message": 3}, {"line": "1"}, {"line": True}, {"column": 10**30}, {"line": math.nan}]
    for each in wrong:
        with pytest.raises(TypeError):
            Finding(**{"symbol": "", "message": "", **each})


def test_a_report_keeps_a_thousand_findings_the_decisive_first() -> None:
    gate = GATES["none"]()
    findings = [Finding(symbol=f"s{i}", message="", decisive=i >= 1_995) for i in range(2_000)]
    report = gate.report(findings)
    assert not report.passed
    assert len(report.findings) == MAX_FINDINGS
    assert report.findings[:994] == tuple(findings[:994])
    assert report.findings[994:999] == tuple(findings[1_995:])
    assert report.findings[-1] == Finding(symbol=MORE, message="and 1,001 more findings", severity="note")
    assert Report.from_row(report.to_row()) == report
    assert Report.from_row(json.loads(json.dumps(report.to_row()))) == report
    assert gate.report(findings[:MAX_FINDINGS]).findings == tuple(findings[:MAX_FINDINGS])
    turned = Noisy(gate=gate, p=1.0)._turned(gate.report(findings[:1_990]))
    assert len(turned.findings) == MAX_FINDINGS
    assert [f.message for f in turned.findings if f.symbol == MORE] == ["and 991 more findings", "and 2 more findings"]
    assert turned.findings[-2].symbol == "flipped"


def test_what_a_tool_left_out_is_counted(sandbox: Sandbox) -> None:
    ((one,),) = parse("compile").check_many(["x = '\\d'\n" * 1_000], sandbox)
    assert (len(one.findings), one.findings[-1].symbol, one.findings[-1].message) == (101, MORE, "and 900 more findings")
    ((one,),) = parse("quality").check_many(["# noqa\n" * 150 + GOOD], sandbox)
    assert (one.passed, one.findings[-1].message) == (True, "and 50 more findings")


# -- nonsense ----------------------------------------------------------------------------------------------------------


class Said:
    """A box whose tools say what a process that was taken over may say."""

    limits = Limits()

    def __init__(self, said: object) -> None:
        self.said = said

    def examine(self, tool: str, texts: Sequence[str], *, limits: Limits | None = None) -> list[Any]:
        return [self.said for _ in texts]


ROW = Solution(code="x = 1")
JUNK: list[Any] = [
    None, True, 3, -1, 1.5, math.nan, math.inf, 10**400, 10**5000, "", "x" * 2_000_000, [], [[]], [1], ["a", "b"], [None] * 3, {}, {"a": 1},
    {1: 2}, b"x", {1}, (1, 2), range(3), complex(0, 1), [[1, 2, 3]], [{"symbol": 1}], {"symbol": "s", "message": 3, "line": 1, "column": 1},
    [["0" * 16, 2**70], ["1" * 16, math.nan]], [[None, 13], ["x", 14]], [["f" * 40, 99], ["0", 99]], [["a", "b"], [1, 2]], [["a"] * 4] * 3,
]  # fmt: skip


@pytest.fixture(scope="module")
def checks(sandbox: Sandbox) -> dict[str, tuple[Any, Callable[[object], Report]]]:
    """For each gate that asks a tool: what the tool says of a program, and the gate, given what a tool says."""
    corpus = Corpus(items=(("one", GOOD, GOOD),))
    decontaminate = Decontaminate(corpus=corpus)
    text = GOOD + "\n\ndef other(a, b, c):\n    return [a + b * x for x in c if x > a + b]\n"
    with sandbox.box("lint") as box:
        said = {tool: box.examine(tool, [text], limits=LIMITS)[0] for tool in ("compile", "lint", "shape")}
        known = _Known(corpus, [said["shape"]])
        broken = {**said["compile"], "error": {"symbol": "SyntaxError", "message": "m", "line": 1, "column": 0}}
        unread = {**said["lint"], "error": broken["error"]}
    box_of = lambda said: cast(Box, Said(said))  # noqa: E731
    return {
        "compile": (said["compile"], lambda it: Compile()._check(box_of(it), (ROW,))[0][1]),
        "compile, refused": (broken, lambda it: Compile()._check(box_of(it), (ROW,))[0][1]),
        "quality": (said["lint"], lambda it: Quality()._check(box_of(it), ROW)),
        "quality, unread": (unread, lambda it: Quality()._check(box_of(it), ROW)),
        "decontaminate": (said["shape"], lambda it: decontaminate._check(known, box_of(it), (ROW,))[0]),
    }


def mutations(said: Any) -> Iterator[Any]:
    """Give what a tool said with one part of it replaced or left out, wherever that stands."""
    yield from JUNK
    items: list[tuple[Any, Any]] = list(said.items()) if isinstance(said, dict) else list(enumerate(said)) if isinstance(said, list) else []
    for key, value in items[:40]:
        if isinstance(said, dict):
            yield {k: v for k, v in said.items() if k != key}
        for other in mutations(value):
            made = dict(said) if isinstance(said, dict) else list(said)
            made[key] = other
            yield made


KINDS = ["compile", "compile, refused", "quality", "quality, unread", "decontaminate"]


@pytest.mark.parametrize("kind", KINDS)
def test_nonsense_is_a_finding(checks: dict[str, tuple[Any, Callable[[object], Report]]], kind: str) -> None:
    said, check = checks[kind]
    assert "crash" not in {f.symbol for f in check(said).findings}
    n = n_crashed = 0
    for other in mutations(said):
        report = check(other)
        row = json.dumps(report.to_row(), allow_nan=False)
        assert len(row) < 100_000, row[:1000]
        assert report.passed != any(f.decisive for f in report.findings)
        n, n_crashed = n + 1, n_crashed + any(f.symbol == "crash" and f.decisive for f in report.findings)
    assert n_crashed > n / 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_that_raised_or_ended_is_a_finding(checks: dict[str, tuple[Any, Callable[[object], Report]]], kind: str) -> None:
    _, check = checks[kind]
    found = [f for f in check("ValueError: x").findings if f.decisive]
    assert [(f.symbol, f.message) for f in found] == [("crash", "ValueError: x")]
    end = Execution(status=Status.TIMED_OUT, exit_code=None, stdout="", stderr="", charged_s=1, cpu_s=1, memory_peak_bytes=1, truncated=False)
    assert [f.symbol for f in check(end).findings if f.decisive] == ["time-limit"]
    missing = [f for f in check({}).findings if f.decisive]
    assert [f.symbol for f in missing] == ["crash"]
    assert "makes no sense" in missing[0].message


def test_nonsense_costs_one_row(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Box.examine

    def examine(self: Box, tool: str, texts: Sequence[str], *, limits: Limits | None = None) -> list[Any]:
        said = honest(self, tool, texts, limits=limits)
        return [{"score": math.nan} if text == "BAD = 1" else one for text, one in zip(texts, said, strict=True)]

    monkeypatch.setattr(Box, "examine", examine)
    for kind in ("compile", "quality", "decontaminate"):
        gates = parse(kind, given={"corpus": Corpus(items=())})
        assert [r.passed for (r,) in gates.check_many([GOOD, "BAD = 1", GOOD], sandbox)] == [True, False, True]
    syntax = "def f(:"
    monkeypatch.setattr(Box, "examine", lambda self, tool, texts, limits=None: [{"newest": 0, "this": [3]}] if tool == "newer" else honest(self, tool, texts, limits=limits))
    ((report,),) = parse("compile").check_many([syntax], sandbox)
    assert [f.symbol for f in report.findings] == ["SyntaxError"]


# -- calls that are shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (b'[["f",[1,"a",{"t":[1,2]}],{"d":[["k",{"b":"00ff"}]]}]]', ", f(1, 'a', (1, 2), k=b'\\x00\\xff')"),
        (b'[["f",[{"o":"x.Y"}],{"d":[]}]]', ", f(<x.Y>)"),
        (b'[["f",[{"L":[{"r":[0,30000000,1]}]}],{"d":[]}]]', ""),
        (b'[["f",[{"\\u004c":[{"r":[0,30000000,1]}]}],{"d":[]}]]', ""),
        (b'[["f",[{"n":["S1",1000000000]}],{"d":[]}]]', ""),
        (b'[["f",[[[{"t":[{"\\u006e":["S1",1000000000]}]}]]],{"d":[]}]]', ""),
        (b'[["f",[{"a":["i8",[1],[1]]}],{"d":[]}]]', ", f(array([1]))"),
        (b'[["f",[' + b"1," * 500 + b'1],{"d":[]}]]', ""),
        (b"[" * 900, ""),
        (b'{"i":"0x' + b"f" * 900 + b'"}', ""),
        (b"\xff\xfe", ""),
        (b"nothing", ""),
    ],
)  # fmt: skip
def test_a_call_is_shown_or_not(call: bytes, shown: str) -> None:
    assert _shown(call) == shown


def test_a_shown_call_is_cut() -> None:
    shown = _shown(b'[["f",["' + b"x" * 800 + b'"],{"d":[]}]]')
    assert len(shown) == 200
    assert shown.startswith(", f('xxx")
    assert shown.endswith("…")


# -- texts that are none -----------------------------------------------------------------------------------------------


UNFIT = [
    (Solution(code="x = 1\0"), "not-text", "code has a NUL byte"),
    (Solution(code="x = '\ud800'"), "not-text", "code has a lone surrogate at character 5"),
    (Solution(code="x = 1", completion="\udfff"), "not-text", "completion has a lone surrogate at character 0"),
    (Solution(code="x = 1", completion="x", prompt="\0"), "not-text", "prompt has a NUL byte"),
    (Solution(code="x = 1", test="assert '\ud800'"), "not-text", "test has a lone surrogate"),
    (Solution(code="x = 1", entry_point="\0"), "not-text", "entry_point has a NUL byte"),
    (Solution(code="#" * (MAX_TEXT + 1)), "too-long", "code has more than 1,048,576 bytes"),
    (Solution(code="é" * (MAX_TEXT // 2 + 1)), "too-long", "code has more than"),
    (Solution(code="\ud800" * (MAX_TEXT // 3 + 1)), "too-long", "code has more than"),
    (Solution(code="x = 1", test="#" * (MAX_TEXT + 1)), "too-long", "test has more than"),
]  # fmt: skip


class Raises:
    """A scorer whose tokenizer takes text only."""

    identity = "0"

    def logprobs(self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()) -> Any:
        return [[-0.1] * len(text.encode()) for text in completions]

    def next_logits(self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None) -> Any:
        return [(len(text.encode()), 0.0) for text in texts]


GIVEN: dict[str, Any] = {"corpus": Corpus(items=()), "model": Raises(), "judge_model": Raises()}


@pytest.mark.parametrize("kind", [*GATES, "compile~1"])
def test_every_gate_refuses_what_is_no_text(kind: str) -> None:
    """No gate is asked, so that none needs a box for it."""
    gates = parse(kind, given=GIVEN)
    reports = list(gates.check_many([solution for solution, _, _ in UNFIT], NO_BOX))
    assert len(reports) == len(UNFIT)
    for (report,), (_, symbol, message) in zip(reports, UNFIT, strict=True):
        assert (report.gate, report.passed, report.score) == (kind, False, gates.gates[0].worst)
        assert [(f.symbol, f.decisive) for f in report.findings] == [(symbol, True)]
        assert report.findings[0].message.startswith(message)


@pytest.mark.parametrize("kind", list(GATES))
def test_what_is_no_text_costs_its_own_row(sandbox: Sandbox, kind: str) -> None:
    gates = parse(kind, {"tokens": 1} if kind == "repetition" else {}, given=GIVEN)
    good = Solution(code=GOOD, test="assert square(2) == 4")
    other = Solution(code=GOOD.replace("x", "yy").replace("squared", "times itself, that is"), test="assert square(2) == 4")
    reports = [each for (each,) in gates.check_many([UNFIT[1][0], good, UNFIT[0][0], other, UNFIT[6][0]], sandbox)]
    assert [any(f.symbol in ("not-text", "too-long") for f in r.findings) for r in reports] == [True, False, True, False, True]
    if kind not in ("perplexity", "inverse-perplexity", "self-score", "judge", "duplicate"):
        assert [r.passed for r in reports] == [False, True, False, True, False]


def test_the_first_gate_says_it_or_all_of_them_and_nothing_is_kept() -> None:
    memo: Any = type("Kept", (dict,), {"put": dict.__setitem__})()
    (reports,) = parse("quality+compile+repetition", memo=memo).check_many([UNFIT[0][0]], NO_BOX)
    assert [report.gate for report in reports] == ["repetition"]
    (reports,) = parse("quality+compile+repetition", all_findings=True, memo=memo).check_many([UNFIT[0][0]], NO_BOX)
    assert [(r.gate, r.findings[0].symbol) for r in reports] == [(name, "not-text") for name in ("repetition", "compile", "quality")]
    assert not memo


def test_the_longest_text_is_judged(sandbox: Sandbox) -> None:
    texts = ["#" * MAX_TEXT, "#" + "é" * (MAX_TEXT // 2 - 1) + "\n"]
    assert [r.passed for (r,) in parse("compile").check_many(texts, sandbox)] == [True, True]


def test_batches_are_bounded_by_their_text() -> None:
    def sizes(*lengths: int) -> list[list[int]]:
        return [[len(one.code) for one in batch] for batch in batched((Solution(code="x" * n) for n in lengths), 3)]

    assert sizes(1, 1, 1, 1) == [[1, 1, 1], [1]]
    assert sizes(1, 1 << 20, 1 << 20, 2, 1 << 17, 1 << 17, 3) == [[1, 1 << 20], [1 << 20], [2, 1 << 17, 1 << 17], [3]]
    assert sizes() == []


# -- boxes that are destroyed ------------------------------------------------------------------------------------------


class Fragile(Box):
    """A box, never started, in which one text raises what it is made to raise."""

    error: ClassVar[Exception]

    def start(self) -> None:
        """Start nothing."""

    def run(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(stdout="42\n", status="exited", exit_code=0)

    def _seen(self, texts: Sequence[str]) -> None:
        if any("BAD" in text for text in texts):
            raise self.error

    def examine(self, tool: str, texts: Sequence[str], *, limits: Limits | None = None) -> list[Any]:
        self._seen(texts)
        ours: dict[str, Any] = {"error": None, "warnings": [], "n_more": 0, "python": "3.11.2"}
        return [ours if tool == "compile" else [] if tool == "shape" else "nothing" for _ in texts]

    def calls(self, source: str | bytes, *_: Any, **__: Any) -> Any:
        self._seen([str(source)])
        raise BoxOutOfMemory("nothing here answers")


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("sandbox.pool.Box", Fragile)
    engine: Any = SimpleNamespace(capacity=lambda _kind, wanted: wanted, sweep=lambda: 0, image_digest=lambda _kind: "0")
    with Sandbox(engine, 2) as made:
        yield made


BATCH = [Solution(code=code, test="assert f(1)") for code in ("a = 1", "BAD", "b = 1")]


@pytest.mark.parametrize("kind", ["compile", "decontaminate", "import", "quality", "tests", "compile~0"])
@pytest.mark.parametrize(
    ("error", "symbol"),
    [(BoxLost("gone"), "box-destroyed"), (KeyError("what"), "our-defect"), (StopIteration(), "our-defect")],
    ids=repr,
)
def test_what_happens_at_one_program_costs_no_other(pool: Sandbox, kind: str, error: Exception, symbol: str) -> None:
    (gate,) = parse(kind, given=GIVEN).gates
    Fragile.error = error
    memo = Kept()
    reports = [report for (report,) in All(gates=[gate], memo=memo).check_many(BATCH, pool)]
    assert len(reports) == 3
    assert (reports[1].gate, reports[1].passed, reports[1].score) == (kind, False, gate.worst)
    assert [found.symbol for found in reports[1].findings] == [symbol]
    assert symbol not in {found.symbol for i in (0, 2) for found in reports[i].findings}
    assert symbol not in str(memo.rows)


def test_what_is_our_failure_ends_the_run(pool: Sandbox) -> None:
    Fragile.error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        list(parse("compile").check_many(BATCH, pool))


class Kept:
    """A memo."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def get(self, key: str) -> dict[str, Any] | None:
        return self.rows.get(key)

    def put(self, key: str, value: dict[str, Any]) -> None:
        self.rows[key] = value
