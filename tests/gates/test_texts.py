"""The gates that compare texts: repetition, duplicate, decontaminate. Only benchmark code is ever parsed here."""

import ast
import random
import resource
import sysconfig
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import toolkit.benchmarks.corpus
from gates import Corpus, Report, Solution, duplicate, parse
from gates.decontaminate import Decontaminate
from gates.duplicate import Duplicate
from gates.repetition import Repetition
from gates.tokens import grams, hashes, tokens
from sandbox import DockerEngine, Sandbox
from toolkit.benchmarks import BENCHMARKS, Benchmark, DataMissing, Loaded, Options
from toolkit.records import Task


class Kept(dict[str, dict[str, Any]]):
    put = dict.__setitem__


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine) as sandbox:
        yield sandbox


def decisive(report: Report) -> set[str]:
    assert report.passed != any(one.decisive for one in report.findings)
    return {one.symbol for one in report.findings if one.decisive}


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_tokens() -> None:
    text = 's = "# in" + \'\'\'a # b\'\'\'  # out\nif s!="it\\"s # in": # "\n\tpass\n'
    assert " ".join(tokens(text)) == "s = \" # in \" + ' ' ' a # b ' ' ' if s ! = \" it \\ \" s # in \" : pass"
    assert tokens('"""open # in\n# in') == ['"', '"', '"', "open", "#", "in", "#", "in"]
    assert tokens("it's # in\nx # out") == ["it", "'", "s", "#", "in", "x"]


def test_grams() -> None:
    text = hashes("x a b c d e y a b c d e z")
    rows = grams(text, 5).tolist()
    assert len(rows) == 9
    assert rows[1] == rows[7]
    assert len(set(rows)) == 8
    assert len(grams(hashes("a b"), 5)) == len(grams(hashes(""), 5)) == 1
    assert grams(hashes("a b"), 5)[0] == grams(hashes("a b c"), 2)[0]
    assert hashes("a").tolist() == [3405396810240292928]  # in every process


@pytest.mark.parametrize("text", ["\"\"\" ''' " * 150_000, "''' \\" * 200_000, "'\\" * 500_000, " " * 1_000_000 + "x", "\n " * 500_000])
def test_any_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    tokens(text)
    next(Repetition().check_many([Solution(code=text)], None))  # type: ignore[arg-type]
    assert time.process_time() - started < 5


# -- repetition --------------------------------------------------------------------------------------------------------


def repetition(sandbox: Sandbox, **fields: Any) -> Report:
    [[report]] = parse("repetition").check_many([Solution(**fields)], sandbox)
    return report


def test_repetition_at_the_bounds(sandbox: Sandbox) -> None:
    lines = [f"x{i} = {i}" for i in range(7)]
    at = repetition(sandbox, code="\n\n  ".join([*lines, " x0 = 0", "x0 = 0 ", "x1 = 1"]), n_tokens=50)
    assert (at.passed, at.score, at.findings) == (True, 0.3, ())
    assert at.values == {"repetition": 0.3, "tokens": 50.0}
    over = repetition(sandbox, code="\n".join([*lines[:6], *["x1 = 1"] * 4]), n_tokens=50)
    assert (decisive(over), over.score) == ({"repetition"}, 0.4)
    assert over.findings[0].line == 2
    assert "5 times: 'x1 = 1'" in over.findings[0].message
    assert decisive(repetition(sandbox, code="\n".join(lines), n_tokens=49)) == {"too-short"}
    [[lenient]] = parse("repetition", {"repetition": 0.4, "tokens": 49}).check_many(
        [Solution(code="\n".join([*lines[:6], *["x1 = 1"] * 4]), n_tokens=49)], sandbox
    )
    assert lenient.passed


def test_repetition_judges_the_completion(sandbox: Sandbox) -> None:
    good, bad = "\n".join(f"x{i} = {i}" for i in range(30)), "pass\n" * 100
    assert repetition(sandbox, code=bad, completion=good).passed
    assert decisive(repetition(sandbox, code=good, completion=bad)) == {"repetition"}
    assert decisive(repetition(sandbox, code=good, completion="")) == {"too-short"}


def test_repetition_counts_tokens_without_a_model(sandbox: Sandbox) -> None:
    report = repetition(sandbox, code="def f_1(x):\n\n    return x**22  # a b\n")
    assert report.values["tokens"] == len(["def", "f_", "1", "(", "x", "):", "\n\n    ", "return", "x", "**", "22", "#", "a", "b", "\n"])
    assert repetition(sandbox, code="a " * 50).passed
    assert decisive(repetition(sandbox, code="a " * 49)) == {"too-short"}


def test_repetition_is_kept_by_text_and_tokens(sandbox: Sandbox) -> None:
    text = "\n".join(f"x{i} = {i}" for i in range(30))
    several = [Solution(code=text), Solution(code=text, n_tokens=10), Solution(code=text, completion="x"), Solution(code=text, n_tokens=10)]
    memo = Kept()
    gate = parse("repetition", memo=memo)
    first = [[r.passed for r in row] for row in gate.check_many(several, sandbox)]
    assert first == [[True], [False], [False], [False]]
    assert [[r.passed for r in row] for row in gate.check_many(several, sandbox)] == first
    assert len(memo) == 3


# -- duplicate ---------------------------------------------------------------------------------------------------------


def program(seed: int) -> str:
    """A function of 15 to 30 statements, about 1.2 kB; two of them have little in common."""
    rng = random.Random(seed)
    calls = ["a", "b", "len(a)", "max(a, b)", "sorted(b)"]
    lines = [f"    v{rng.randrange(500)} = {rng.choice(calls)} + w{rng.randrange(500)}[{rng.randrange(99)}]  # {rng.random()}" for _ in range(rng.randrange(15, 30))]
    return "\n".join([f"def f{seed}(a, b):", *lines, "    return a", ""])


def near(text: str, seed: int) -> str:
    """The same with other comments and spacing, and one name changed that stands at two places."""
    lines = [line.partition("#")[0] + f"# {seed}{i}\n" for i, line in enumerate(text.splitlines())]
    return "'''Said again.'''\n" + "".join(lines).replace(" + ", "+").replace("f" + text.split("f", 2)[2].split("(")[0] + "(", "g(")


def duplicates(texts: list[str], similarity: float = 0.85) -> list[Report]:
    return list(Duplicate(similarity=similarity).check_many([Solution(code=text) for text in texts], None))  # type: ignore[arg-type]


def test_the_first_of_a_group_passes() -> None:
    one, other = program(1), program(2)
    reports = duplicates([one, other, near(one, 3), one, "", other.replace("    ", "\t"), " # nothing", near(other, 4)])
    assert [r.passed for r in reports] == [True, True, False, False, True, False, False, False]
    assert [r.score for r in reports][:2] == [0.0, 0.0]
    assert reports[2].score is not None
    assert 0.85 <= reports[2].score < 1
    assert reports[3].findings[0].message == "100.0% the same as program 1"
    assert reports[7].findings[0].message.endswith("the same as program 2")
    assert duplicates([one, near(one, 3)], 0.999)[1].passed


def test_one_name_changed() -> None:
    text = program(3)
    name = next(word for word in tokens(text) if word.startswith("w") and tokens(text).count(word) == 1)
    assert decisive(duplicates([text, text.replace(name, "something")])[1]) == {"duplicate"}


def test_duplicate_at_the_threshold() -> None:
    whole = "a b c d e f g h i j k l m n"  # 10 runs of 5, of which the first 9 tokens have 5
    assert decisive(duplicates([whole, whole[:17]], 0.5)[1]) == {"duplicate"}
    assert duplicates([whole, whole[:17]], 0.51)[1].passed
    assert duplicates([whole, whole[:17]], 0.4)[1].score == 0.5


def test_a_crowd_costs_each_program_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are almost similar enough, so each is a candidate for all that follow. Copies are found in a crowd too."""
    compared, real = [0], duplicate._jaccard

    def counted(*given: Any) -> float:
        compared[0] += 1
        return real(*given)

    monkeypatch.setattr(duplicate, "_jaccard", counted)
    crowd = [" ".join([*(f"b{i}" for i in range(400)), *(f"u{n}_{i}" for i in range(40))]) for n in range(3 * duplicate.COMPARED)]
    copied = crowd[:: duplicate.COMPARED] + crowd[-1:]
    reports = duplicates(crowd + copied)
    assert [report.passed for report in reports] == [True] * len(crowd) + [False] * len(copied)
    assert [report.findings[0].message for report in reports[-2:]] == [f"100.0% the same as program {n}" for n in (129, 192)]
    assert 2 * len(crowd) < compared[0] <= duplicate.COMPARED * len(reports)


def test_duplicate_is_never_kept(sandbox: Sandbox) -> None:
    memo = Kept()
    for _ in range(2):
        assert [r.passed for [r] in parse("duplicate", memo=memo).check_many(["x = 1", "x = 1"], sandbox)] == [True, False]
    assert not memo


@pytest.mark.slow
def test_ten_thousand_programs() -> None:
    n_found = 0
    duplicates([""])  # what is imported is not counted
    texts = [program(i) for i in range(9_900)]
    planted = random.Random(0).sample(range(9_900), 100)
    texts += [near(texts[i], i) for i in planted]
    before, started = resident_bytes(), time.process_time()
    for i, report in enumerate(Duplicate().check_many((Solution(code=text) for text in texts), None)):  # type: ignore[arg-type]
        if i < 9_900:
            assert report.passed
        elif not report.passed:
            assert report.findings[0].message.endswith(f"program {planted[i - 9_900] + 1}")
            n_found += 1
        if i == 9_999:
            grown = resident_bytes() - before
    spent = time.process_time() - started
    assert n_found >= 95
    assert spent < 10, f"{10_000 / spent:.0f} programs a second of processor time"
    assert grown < 80e6


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# -- decontaminate -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    return dict(BENCHMARKS["humaneval"].load(Options()).tasks)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    def absent(_options: Options) -> Loaded:
        raise DataMissing("it is elsewhere")

    with pytest.MonkeyPatch.context() as patch:
        two = {"humaneval": BENCHMARKS["humaneval"], "absent": Benchmark(name="absent", load=absent)}
        patch.setattr(toolkit.benchmarks.corpus, "BENCHMARKS", two)
        return toolkit.benchmarks.corpus.known_benchmarks()


def ask(texts: list[str], corpus: Corpus, sandbox: Sandbox) -> list[Report]:
    reports = list(Decontaminate(corpus=corpus).check_many([Solution(code=text) for text in texts], sandbox))
    assert len(reports) == len(texts)
    return reports


def named(report: Report, task_id: str) -> bool:
    return any(one.decisive and f" {task_id} (" in one.message for one in report.findings)


def bare(text: str, *, renamed: bool) -> str:
    """A program in another layout, without docstrings; with `renamed`, all its own names changed."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    new = {name: f"name{i}" for i, name in enumerate(sorted(own))} if renamed else {}
    for node in ast.walk(tree):
        for field in ("arg", "id", "name"):
            if isinstance(getattr(node, field, None), str) and not isinstance(node, ast.alias):
                setattr(node, field, new.get(getattr(node, field), getattr(node, field)))
    return ast.unparse(tree)


def test_the_corpus(corpus: Corpus, tasks: dict[str, Task]) -> None:
    assert corpus.left_out == ("absent: it is elsewhere",)
    assert [name for name, _, _ in corpus.items[:3]] == ["HumanEval/0 (prompt)", "HumanEval/0 (solution)", "HumanEval/0 (test)"]
    assert len(corpus.items) == 3 * 164
    task = tasks["HumanEval/0"]
    assert corpus.items[1][1:] == (task.canonical_solution, task.prompt + task.canonical_solution)
    assert repr(corpus) == f"Corpus(492 items, {corpus.digest[:16]})"
    assert Corpus(items=corpus.items[1:]).digest != corpus.digest == Corpus(items=corpus.items).digest


def test_verbatim_copies(corpus: Corpus, tasks: dict[str, Task], sandbox: Sandbox) -> None:
    texts = [task.prompt + task.canonical_solution for task in tasks.values()] + [task.tests.text for task in tasks.values()]
    reports = ask(texts, corpus, sandbox)
    assert not any(report.passed for report in reports)
    other = [(task, r) for task, r in zip([*tasks, *tasks], reports, strict=True) if not named(r, task)]
    assert [task for task, _ in other] == ["HumanEval/29"]  # all of its test is in that of HumanEval/7
    assert named(other[0][1], "HumanEval/7")


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning", "ignore:.*invalid escape:SyntaxWarning")
def test_reformatted_and_renamed_copies(corpus: Corpus, tasks: dict[str, Task], sandbox: Sandbox) -> None:
    programs = [task.prompt + task.canonical_solution for task in tasks.values()]
    reformatted = ask([bare(text, renamed=False) for text in programs], corpus, sandbox)
    renamed = ask([bare(text, renamed=True) for text in programs], corpus, sandbox)
    assert sum(named(r, t) for r, t in zip(reformatted, tasks, strict=True)) >= 0.95 * 164
    found = [r for r, t in zip(renamed, tasks, strict=True) if named(r, t)]
    assert len(found) >= 0.9 * 164
    assert sum(decisive(r) == {"ast-overlap"} for r in found) >= 0.95 * len(found)


def test_copies_inside_a_program(corpus: Corpus, tasks: dict[str, Task], sandbox: Sandbox) -> None:
    task = tasks["HumanEval/1"]
    around = [program(i) for i in range(8)]
    copies = [bare(task.prompt + task.canonical_solution, renamed=True), task.canonical_solution, task.prompt]
    copy, lines, prompt = ask(["\n".join([*around, copy, *around]) for copy in copies], corpus, sandbox)
    assert decisive(copy) == {"ast-overlap"}
    assert decisive(lines) >= {"ngram-overlap"}  # the indented lines of a body: there is no syntax tree
    assert decisive(prompt) >= {"ngram-overlap"}
    assert all(named(report, "HumanEval/1") for report in (copy, lines, prompt))


def test_a_part_of_a_long_text(corpus: Corpus, tasks: dict[str, Task], sandbox: Sandbox) -> None:
    part = "check = 1\n" + tasks["HumanEval/129"].prompt[200:500] + program(1)
    [report] = ask([part], corpus, sandbox)
    assert decisive(report) == {"run-overlap"}
    assert named(report, "HumanEval/129")
    assert report.values["run"] == max(
        n for n in range(1, 200) if set(windows(part, n)) & set(windows(tasks["HumanEval/129"].prompt, n))
    )


def windows(text: str, n: int) -> list[tuple[str, ...]]:
    found = tokens(text)
    return [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]


def test_the_shares(sandbox: Sandbox) -> None:
    words = [f"w{i}" for i in range(40)]
    corpus = Corpus(items=(("long", " ".join(words), None), ("short", "a b c d e f g h i j", None)))
    rest = [f"y{i}" for i in range(20)]
    texts = [" ".join(words[:26] + rest), " ".join(words[:25] + rest), "a b c d e f g h x x", "a b c d e f g h " * 2]
    half, less, short, loop = ask(texts, corpus, sandbox)
    assert half.values == {"ngram": 0.5, "run": 26.0, "ast": 0.0}  # 14 of 28
    assert decisive(half) == {"ngram-overlap"}
    assert less.passed
    assert [one.symbol for one in less.findings] == ["ngram-overlap", "run-overlap"]
    assert short.values["ngram"] == pytest.approx(1 / 3)
    assert loop.values["run"] == 8
    nothing = ask(["a b c d e f g h i j"], Corpus(items=()), sandbox)
    assert [(r.passed, r.score, r.findings) for r in nothing] == [(True, 0.0, ())]


def test_ordinary_functions_pass(corpus: Corpus, sandbox: Sandbox) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    functions = []
    for path in sorted(library.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = text.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno]
                functions.append(textwrap.dedent("".join(lines)))
    sample = random.Random(0).sample(functions, 1_500)
    refused = [r for r in ask(sample, corpus, sandbox) if not r.passed]
    assert len(refused) < 0.01 * len(sample)


def test_any_text_gets_a_report(corpus: Corpus, sandbox: Sandbox) -> None:
    texts = ["", "\0", "(" * 100_000, "\ud800", "# coding: utf-7\nx = 1", "0," * 100_000, "-" * 100_000, "x" + "+1" * 50_000]
    assert [r.passed for r in ask(texts, corpus, sandbox)] == [True] * len(texts)
    assert ask([], corpus, sandbox) == []


def test_what_is_given(corpus: Corpus, tasks: dict[str, Task], sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"'decontaminate' needs a Corpus: parse\(\.\.\., given=\{'corpus': "):
        parse("compile+decontaminate")
    text = tasks["HumanEval/1"].prompt + tasks["HumanEval/1"].canonical_solution
    memo = Kept()
    for given, passed in ((corpus, False), (Corpus(items=()), True), (corpus, False)):
        gates = parse("decontaminate+none", {"ast": 0.9}, given={"corpus": given}, memo=memo)
        assert gates.gates[1] == Decontaminate(corpus=given, ast=0.9)
        [[_, report]] = gates.check_many([text], sandbox)
        assert report.passed == passed
    assert len(memo) == 3
    with pytest.raises(ValueError, match="has a threshold 'corpus'"):
        parse("decontaminate", {"corpus": 1.0}, given={"corpus": corpus})
