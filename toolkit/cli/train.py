"""`toolkit train` and `rounds`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson, fail, stderr_console
from toolkit.cli.progress import ProgressBar


def train(
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
    from toolkit.training import loop

    if preset not in (None, "paper"):
        fail(f"--preset {preset}: there is only paper", 2)
    console = stderr_console()
    is_main = os.environ.get("RANK", "0") == "0"
    with ProgressBar(console, quiet=as_json or not is_main) as advance:
        try:
            settings = loop.TrainSettings(**{**(loop.PAPER if preset else {}), **told, "data": tuple(data)})
            outcome = loop.train(settings, advance)
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


def rounds(
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
    from toolkit.rounds.plan import plan
    from toolkit.rounds.run import run
    from toolkit.rounds.settings import read

    words = list(context.args)
    flags: dict[str, str] = {}
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not name.startswith("--"):
            fail(f"rounds: {name!r} is no flag; keys are given as --KEY VALUE", 2)
        takes_next = not equals and bool(words) and not words[0].startswith("--")
        flags[name[2:].replace("-", "_")] = words.pop(0) if takes_next else value
    console = stderr_console()
    with ProgressBar(console, quiet=as_json) as advance:
        try:
            settings = read(config, flags)
            if dry_run:
                found = plan(settings, gpu or "cpu", parameters)
                print(json.dumps(found, indent=2))
                return
            summary = run(settings, advance)
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
