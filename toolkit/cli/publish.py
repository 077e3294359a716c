"""`toolkit publish`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import fail


def publish(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of eval, of one model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for README.md and .eval_results/.")],
    model: Annotated[str | None, typer.Option("--model", help="Name of the model [as the runs say].")] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The benchmark's data set on the hub, as OWNER/NAME.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a run's scores as the hub has them: model-index and .eval_results. Nothing is uploaded."""
    from toolkit.published import hub
    from toolkit.store.files import check_output, write_atomically
    from toolkit.store.run_folder import RUN, SUMMARY

    check_output(output, is_folder=True)
    found: list[hub.Score] = []
    named: set[str] = set()
    for folder in runs:
        try:
            run, summary = (json.loads((folder / name).read_bytes()) for name in (RUN, SUMMARY))
            samples = (run.get("settings") or {}).get("samples")
            found += hub.scores(run, {**summary, "folder": str(folder)}, dataset)
        except OSError as error:
            fail(f"{folder} is no finished run: {error.filename}: {error.strerror}", 2)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            fail(f"{folder} is not as toolkit eval writes it: {error!r}", 2)
        named |= {str(samples["model"])} if isinstance(samples, dict) and samples.get("model") else set()
    if model is None and len(named) != 1:
        what = f"the runs are of {', '.join(sorted(named))}" if named else "the runs judged files and name no model"
        fail(f"{what}: say --model NAME", 2)
    seen = [(score.benchmark, score.k) for score in found]
    if twice := next((name for name, k in seen if seen.count((name, k)) > 1), None):
        fail(f"two runs score {twice}: a model has one score there; name one of them", 2)
    files = {"README.md": hub.model_index(model or named.pop(), found)}
    files |= {f".eval_results/{name}": text for name, text in hub.eval_results(found).items()}
    if not overwrite and (there := next((output / name for name in files if (output / name).exists()), None)):
        fail(f"{there} is there already: name another --output, or say --overwrite", 2)
    for name, text in files.items():
        write_atomically(output / name, text.encode())
        print(output / name)
