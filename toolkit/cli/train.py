"""`toolkit train` and `rounds`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from toolkit.cli.options import AsJson, fail, refuse, stderr_console
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported
from toolkit.errors import check_one_of


class TrainCommand(TyperCommand):
    """Takes the help of flags from their settings, only when help is asked for, so that pydantic is imported late."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Describe the flags, then write them."""
        from toolkit.settings import described
        from toolkit.training.settings import TrainSettings

        for param in self.params:
            if param.name in TrainSettings.model_fields:
                vars(param)["help"] = described(TrainSettings, param.name)
        super().format_options(ctx, formatter)


class RoundsCommand(TyperCommand):
    """Accepts every setting as a flag, and lists them after the flags that are not settings."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the settings given as flags into `ctx.meta`, as text; a setting without a value becomes an empty text."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        words, rest = list(args), []
        told = ctx.meta["settings"] = {}
        while words:
            word = words.pop(0)
            name, equals, value = word.partition("=")
            if not name.startswith("--") or name in own:
                rest.append(word)
                continue
            takes_next = not equals and bool(words) and not words[0].startswith("--")
            told[name[2:].replace("-", "_")] = words.pop(0) if takes_next else value
        return super().parse_args(ctx, rest)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the flags, then the settings."""
        from toolkit.rounds.settings import RoundsSettings
        from toolkit.settings import described

        super().format_options(ctx, formatter)
        with formatter.section("Settings (in CONFIG without the dashes, with _ for -)"):
            formatter.write_dl([
                (f"--{name.replace('_', '-')}", described(RoundsSettings, name)) for name in RoundsSettings.model_fields
            ])  # fmt: skip


def train(
    data: Annotated[list[Path], typer.Argument()],
    output: Annotated[Path, typer.Option("--output", "-o")],
    model: Annotated[str | None, typer.Option("--model", envvar="TOOLKIT_MODEL")] = None,
    revision: Annotated[str | None, typer.Option("--revision")] = None,
    adapter: Annotated[str | None, typer.Option("--adapter")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="paper: full training as in arXiv 2606.28438.")] = None,
    full: Annotated[bool | None, typer.Option("--full/--lora")] = None,
    only: Annotated[str | None, typer.Option("--only")] = None,
    lora_rank: Annotated[int | None, typer.Option("--lora-rank")] = None,
    lora_alpha: Annotated[int | None, typer.Option("--lora-alpha")] = None,
    lora_dropout: Annotated[float | None, typer.Option("--lora-dropout")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs")] = None,
    steps: Annotated[int | None, typer.Option("--steps")] = None,
    batch: Annotated[int | None, typer.Option("--batch")] = None,
    micro_batch: Annotated[int | None, typer.Option("--micro-batch")] = None,
    sequence: Annotated[int | None, typer.Option("--sequence")] = None,
    lr: Annotated[float | None, typer.Option("--lr")] = None,
    warmup: Annotated[int | None, typer.Option("--warmup")] = None,
    weight_decay: Annotated[float | None, typer.Option("--weight-decay")] = None,
    clip: Annotated[float | None, typer.Option("--clip")] = None,
    fim_rate: Annotated[float | None, typer.Option("--fim-rate")] = None,
    spm_rate: Annotated[float | None, typer.Option("--spm-rate")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option("--gradient-checkpointing/--no-gradient-checkpointing")
    ] = None,
    unfinished: Annotated[str | None, typer.Option("--unfinished")] = None,
    allow_shared: Annotated[bool | None, typer.Option("--allow-shared")] = None,
    document_mask: Annotated[bool | None, typer.Option("--document-mask/--no-document-mask")] = None,
    loss: Annotated[str | None, typer.Option("--loss")] = None,
    eval: Annotated[list[Path] | None, typer.Option("--eval")] = None,
    balance: Annotated[str | None, typer.Option("--balance")] = None,
    balance_rate: Annotated[float | None, typer.Option("--balance-rate")] = None,
    sequence_loss: Annotated[float | None, typer.Option("--sequence-loss")] = None,
    z_loss: Annotated[float | None, typer.Option("--z-loss")] = None,
    capacity: Annotated[float | None, typer.Option("--capacity")] = None,
    checkpoint_every: Annotated[int | None, typer.Option("--checkpoint-every")] = None,
    seed: Annotated[int | None, typer.Option("--seed")] = None,
    device: Annotated[str | None, typer.Option("--device")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype")] = None,
    resume: Annotated[bool, typer.Option("--resume")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, or an adapter of it (LoRA), on programs. On several GPUs: accelerate launch -m toolkit.cli train ..."""
    told = {name: value for name, value in locals().items() if value is not None and name not in ("preset", "as_json")}
    from toolkit.training import loop

    if preset is not None:
        check_one_of("--preset", preset, ("paper",))
    console = stderr_console()
    is_main = os.environ.get("RANK", "0") == "0"
    said = "interrupted; go on from the last checkpoint with --resume"
    with reported(said), ProgressBar(console, quiet=as_json or not is_main) as advance:
        settings = loop.TrainSettings(**{**(loop.PAPER if preset else {}), **told})
        outcome = loop.train(settings, advance)
    if not is_main:
        return
    if as_json:
        print((outcome.folder / "training.json").read_text(), end="")
    else:
        print(f"{outcome.weights}: {len(outcome.losses)} steps, {outcome.tokens:,} tokens, loss {outcome.losses[0]:.3f} to "
              f"{outcome.losses[-1]:.3f} ({outcome.seconds:.0f} s)")  # fmt: skip
        if outcome.eval:
            print(f"loss on what was not trained on: {outcome.eval[0]:.3f} to {outcome.eval[-1]:.3f}")
        for line in outcome.left_out[:5]:
            console.print(line, markup=False, soft_wrap=True)


def rounds(
    context: typer.Context,
    config: Annotated[Path | None, typer.Argument(help="A TOML file, or a preset: small, paper.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print all keys, and how long each stage would take.")] = False,
    gpu: Annotated[str | None, typer.Option("--gpu", help="With --dry-run: h200, h100, a100 or cpu [default: cpu].")] = None,
    parameters: Annotated[float, typer.Option("--parameters", help="With --dry-run: size of the model.")] = 1.35e8,
    compare: Annotated[list[Path] | None, typer.Option("--compare", help="Train nothing: recompute the p-values of a "
                                                       "finished run's folder; if repeated, over all folders.")] = None,
    margin: Annotated[float, typer.Option("--margin", min=0, max=1, help="With --compare: non-inferiority margin.")] = 0.02,
    as_json: AsJson = False,
) -> None:
    """Train a model on what it wrote, round after round, under gates. Every key of CONFIG is a flag: --rounds 5 --seeds 0,1.

    Run the same command again to continue: finished stages are skipped.
    """
    from toolkit.report.rounds import as_text

    if compare and (useless := [f"--{name.replace('_', '-')}" for name in context.meta["settings"]]):
        fail(f"{', '.join(useless)}: --compare trains nothing, so settings have no effect", 2)
    if compare:
        refuse(context, ["config", "dry_run"], "with --compare, which trains nothing")
    else:
        refuse(context, ["margin"], "without --compare")
    if not dry_run:
        refuse(context, ["gpu", "parameters"], "without --dry-run")
    if compare:
        from toolkit.rounds.verdicts import recompute

        again = recompute(compare, margin=margin)
        print(json.dumps(again, indent=2) if as_json else as_text(again, margin))
        return
    from toolkit.rounds.plan import plan
    from toolkit.rounds.run import run
    from toolkit.rounds.settings import elsewhere, read

    console = stderr_console()
    with reported("interrupted; the same command goes on"), ProgressBar(console, quiet=as_json) as advance:
        settings = read(config, context.meta["settings"])
        if dry_run:
            found = plan(settings, gpu or "cpu", parameters) | {"elsewhere": elsewhere(config, settings)}
            print(json.dumps(found, indent=2))
            return
        summary = run(settings, advance)
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
    print(as_text(summary, margin))
    print(f"{settings.output}/report.html")
