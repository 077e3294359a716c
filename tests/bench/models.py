"""Generation: beside `model.generate` one prompt a time, one batch size beside another, and what the default model can do."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.models import prompts
from toolkit.models.generators.base import Prompt, Sampling, cut
from toolkit.models.generators.transformers_ import TransformersGenerator
from toolkit.models.load import load
from toolkit.models.source import Source
from toolkit.oracle import Oracle
from toolkit.records import Sample, Task, Verdict

N = int(os.environ.get("BENCH_TASKS", "64"))
TOKENS = int(os.environ.get("BENCH_TOKENS", "128"))


def generation() -> None:
    """Greedy HumanEval with the default model (`TOOLKIT_MODEL` for another) on the CPU, in fp32, the first `BENCH_TASKS` tasks."""
    source = Source(model=os.environ.get("TOOLKIT_MODEL", "smollm2"), device="cpu", dtype="float32")
    loaded = load(source)
    ours = TransformersGenerator(source, loaded)
    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:N]
    asked, stop = prompts.for_tasks(tasks, None, ours)
    sampling = Sampling(n=1, temperature=0.0, top_p=1.0, max_new_tokens=TOKENS, seed=0, stop=stop)
    seconds, texts = {}, {}
    for width in (64, 16):
        ours = TransformersGenerator(replace(source, batch_size=width), loaded)
        started = time.monotonic()
        texts[width] = _texts(ours, asked, sampling)
        seconds[width] = time.monotonic() - started
    started = time.monotonic()
    alone = _theirs(ours, asked, sampling, 1)
    seconds[1] = time.monotonic() - started
    ours = TransformersGenerator(replace(source, batch_size=1), loaded)
    texts[1] = _texts(ours, asked, sampling)
    verdicts = {width: _verdicts(tasks, asked, found) for width, found in texts.items()}
    print(f"generation: {source.model}, greedy, {N} tasks of HumanEval, at most {TOKENS} new tokens, fp32, {os.cpu_count()} cores")
    print(f"generation: model.generate one prompt a time {seconds[1]:.1f} s; batches of 64 {seconds[64]:.1f} s = "
          f"{seconds[1] / seconds[64]:.1f} x as fast, of 16 {seconds[16]:.1f} s = {seconds[1] / seconds[16]:.1f} x")  # fmt: skip
    print(f"generation: {_same(alone, texts[64])} of {N} texts are those of model.generate, byte for byte")
    for width in (16, 64):
        same = sum(a == b for a, b in zip(verdicts[1], verdicts[width], strict=True))
        print(f"generation: batches of 1 and {width}: {_same(texts[1], texts[width])} of {N} texts equal, {same} verdicts equal")


def batches() -> None:
    """As `generation`, beside `model.generate` with as many prompts at a time; they take turns."""
    source = Source(model=os.environ.get("TOOLKIT_MODEL", "smollm2"), device="cpu", dtype="float32", batch_size=64)
    ours = TransformersGenerator(source, load(source))
    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:N]
    asked, stop = prompts.for_tasks(tasks, None, ours)
    sampling = Sampling(n=1, temperature=0.0, top_p=1.0, max_new_tokens=TOKENS, seed=0, stop=stop)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    texts = {}
    for name in ("ours", "theirs", "theirs", "ours"):
        started = time.monotonic()
        texts[name] = _texts(ours, asked, sampling) if name == "ours" else _theirs(ours, asked, sampling, 64)
        seconds[name].append(time.monotonic() - started)
    best = {name: min(found) for name, found in seconds.items()}
    print(f"generation: {source.model}, greedy, {N} tasks, {TOKENS} new tokens, batches of 64: ours {best['ours']:.1f} s, model.generate "
          f"{best['theirs']:.1f} s = {best['theirs'] / best['ours']:.2f} x; {_same(texts['ours'], texts['theirs'])} of {N} texts equal")  # fmt: skip


def pass_rate() -> None:
    """What the default model (or `TOOLKIT_MODEL`) passes of the first `BENCH_TASKS` tasks, with 512 tokens, as `toolkit eval` asks."""
    source = Source(model=os.environ.get("TOOLKIT_MODEL", "smollm2"))
    ours = TransformersGenerator(source, load(source))
    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:N]
    asked, stop = prompts.for_tasks(tasks, None, ours)
    started = time.monotonic()
    found = _texts(ours, asked, Sampling(n=1, temperature=0.0, top_p=1.0, max_new_tokens=512, seed=0, stop=stop))
    spent = time.monotonic() - started
    verdicts = _verdicts(tasks, asked, found)
    passed, compiled = verdicts.count(Verdict.PASSED), N - verdicts.count(Verdict.COMPILE_ERROR)
    print(f"pass rate: {source.model}: {passed} of {N} pass, {compiled} compile; written in {spent:.0f} s")


def attached() -> None:
    """Programs a second through boxes that run already, beside those that are started here; they take turns."""
    from sandbox import AttachedEngine
    from tests import compose

    programs = [t.prompt + t.canonical_solution + t.tests.text for t in BENCHMARKS["humaneval"].load(Options()).tasks.values()] * 3
    local = DockerEngine()
    limits = Limits(memory_bytes=256 << 20, disk_bytes=8 << 20)
    times: dict[str, list[float]] = {"docker": [], "attached": []}
    with (
        compose.boxes(2) as folder,
        Sandbox(local, 2, limits) as first,
        _Two(AttachedEngine(folder=folder), 2, limits) as second,
    ):
        sandboxes = {"docker": first, "attached": second}
        for one in sandboxes.values():
            list(one.map(lambda box, code: box.run(code), programs[:20]))
        for _ in range(5):
            for name, one in sandboxes.items():
                started = time.monotonic()
                list(one.map(lambda box, code: box.run(code), programs))
                times[name].append(time.monotonic() - started)
    local.close()
    best = {name: sorted(found)[len(found) // 2] for name, found in times.items()}
    print(f"attached: {len(programs)} programs, 2 boxes: docker {len(programs) / best['docker']:.0f}/s, attached "
          f"{len(programs) / best['attached']:.0f}/s, {best['attached'] / best['docker']:.2f} x the time (medians of 5)")  # fmt: skip


class _Two(Sandbox):
    """Takes all the boxes there are: no program here needs a second one."""

    def __init__(self, engine: Any, parallel: int, limits: Limits) -> None:
        super().__init__(engine, parallel, limits)
        engine.capacity = lambda _kind, wanted: wanted


def _texts(generator: TransformersGenerator, asked: Sequence[Prompt], sampling: Sampling) -> list[str]:
    found = {one.index: one.completion for batch in generator.generate(asked, sampling) for one in batch}
    return [found[i] for i in range(len(asked))]


def _theirs(generator: TransformersGenerator, asked: Sequence[Prompt], sampling: Sampling, width: int) -> list[str]:
    """What transformers' own loop writes, so many prompts a time, the longest first, stopped by the same strings."""
    import torch

    tokenizer = generator.tokenizer
    tokenizer.padding_side, tokenizer.pad_token = "left", tokenizer.pad_token or tokenizer.eos_token
    found: dict[int, str] = {}
    order = sorted(range(len(asked)), key=lambda i: -len(generator.text(asked[i])))
    for start in range(0, len(order), width):
        batch = order[start : start + width]
        texts = [generator.text(asked[i]) for i in batch]
        ids = tokenizer(texts, add_special_tokens=not asked[0].chat, return_tensors="pt", padding=True)
        with torch.inference_mode():
            out = generator.model.generate(
                **ids, do_sample=False, max_new_tokens=sampling.max_new_tokens, stop_strings=list(sampling.stop) or None,
                tokenizer=tokenizer, temperature=None, top_p=None, top_k=None,
            )  # fmt: skip
        for i, row in zip(batch, out, strict=True):
            completion = tokenizer.decode(row[ids["input_ids"].shape[1] :], skip_special_tokens=True)
            found[i] = cut(completion, sampling.stop)[0]
    return [found[i] for i in range(len(asked))]


def _same(first: Sequence[str], second: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(first, second, strict=True))


def _verdicts(tasks: Sequence[Task], asked: Sequence[Prompt], texts: Sequence[str]) -> list[Verdict | None]:
    """The oracle's verdicts, in the order of the tasks."""
    from toolkit.samples.sanitize import Sanitizer

    with Sanitizer() as sanitizer:
        samples = [
            Sample(task_id=task.task_id, sample_id=0, solution=sanitizer.solution(task, prompt.field, text))
            for task, prompt, text in zip(tasks, asked, texts, strict=True)
        ]
    loaded = BENCHMARKS["humaneval"].load(Options())
    engine = DockerEngine()
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS["humaneval"], dict(loaded.tasks), loaded.data_hash, timeout_s=5)
        found = {sample.task_id: result.verdict for sample, result, _ in oracle.judge_many(samples)}
    engine.close()
    return [found[task.task_id] for task in tasks]
