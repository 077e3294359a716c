"""The pages: links lead somewhere, and commands that they show are commands that there are."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

from tests.one_file import piped
from toolkit.cli.main import app
from toolkit.models.generators import GENERATORS
from toolkit.rounds import settings as rounds
from toolkit.studies import STUDIES
from toolkit.studies import settings as studies

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/README.md")]


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in {slug(heading) for heading in re.findall(r"(?m)^#+ (.*)$", target.read_text())}, link


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"(?s)```console\n(.*?)```", page.read_text())
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [found.group(0) for line in lines for found in [re.search(r"\btoolkit (?!images).*", line)] if found]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command line is read as it would be before it runs: the command, its flags, what they take, what is required."""
    monkeypatch.setitem(GENERATORS, "piped", piped.Piped)  # as docs/extend.md has added it
    group: Any = typer.main.get_command(app)
    for line in commands(page):
        name, *words = itertools.takewhile(lambda word: word not in ("|", ">", "<", "&&", ";"), shlex.split(line)[1:])
        assert name in group.commands, line
        try:
            context = group.commands[name].make_context(name, words)
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")
        given = context.params
        if name == "rounds" and not Path(str(given["config"])).suffix:
            rounds.read(given["config"], context.meta["settings"])
        if name == "study":
            study: Any = STUDIES[given["name"]]
            preset = "tiny" if Path(given["preset"]).suffix else given["preset"]
            studies.read(study.settings, study.presets, preset, context.meta["settings"])
