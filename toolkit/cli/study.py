"""`toolkit study`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from toolkit.cli.options import AsJson, fail, stderr_console
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported
from toolkit.cli.train import RoundsCommand


class StudyCommand(RoundsCommand):
    """Accepts every setting as a flag, and lists those that all studies have."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the flags, then the settings."""
        from toolkit.settings import described
        from toolkit.studies import STUDIES
        from toolkit.studies.settings import StudySettings

        super(RoundsCommand, self).format_options(ctx, formatter)
        kinds: list[tuple[str, Any]] = [("Settings of all studies", StudySettings)]
        kinds += [(f"Of {each.name}", each.settings) for each in STUDIES.values()]
        for heading, cls in kinds:
            own = [name for name in cls.model_fields if cls is StudySettings or name not in StudySettings.model_fields]
            with formatter.section(f"{heading} (in FILE.toml without the dashes, with _ for -)"):
                formatter.write_dl([(f"--{name.replace('_', '-')}", described(cls, name)) for name in own])


def study(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which study: pruning-fl, per, reliability...")],
    preset: Annotated[str, typer.Argument(help="A preset (tiny, small, gpu, full...), or a TOML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print cells, cost and the minimum detectable effect.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run an experiment that answers a question: cells, scores with intervals, contrasts, and one line at the end.

    Run it again to go on: stages that are done are not done twice.
    """
    from toolkit.errors import nearest
    from toolkit.report.study import as_text
    from toolkit.studies import STUDIES
    from toolkit.studies import plan as plans
    from toolkit.studies.run import run
    from toolkit.studies.settings import read

    if name not in STUDIES:
        fail(f"there is no study {name!r}; there are {', '.join(STUDIES)}{nearest(name, STUDIES)}", 2)
    found: Any = STUDIES[name]
    flags = {"output": str(Path("runs") / f"{name}-{Path(preset).stem}"), **context.meta["settings"]}
    if Path(preset).suffix == ".toml" and "output" not in context.meta["settings"]:
        del flags["output"]
    with reported("interrupted; the same command goes on"), ProgressBar(stderr_console(), quiet=as_json) as advance:
        settings = read(found.settings, found.presets, preset, flags)
        if dry_run:
            planned = plans.plan(found, settings)
            print(json.dumps(planned, indent=2) if as_json else plans.as_text(planned))
            return
        summary = run(found, settings, advance)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    print(f"{settings.output}/report.html")
    print(as_text(summary))
