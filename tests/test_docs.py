"""The pages: links lead somewhere, and commands that they show are commands that there are."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from click.testing import CliRunner

from toolkit.cli.main import app

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
def test_commands_are_understood(page: Path) -> None:
    """Each command line has a command that there is, and no flag that it does not know (`rounds` and `study` take keys as flags)."""
    group = typer.main.get_command(app)
    for line in commands(page):
        name, *words = shlex.split(line)[1:]
        command = group.commands.get(name)  # type: ignore[attr-defined]
        assert command, line
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        if name not in ("rounds", "study"):
            assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= known, line
        assert CliRunner().invoke(group, [name, "--help"]).exit_code == 0
