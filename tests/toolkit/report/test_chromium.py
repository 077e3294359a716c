"""Pages as a browser shows them: nothing is logged, nothing fetched, nothing wider than the window, and what is clicked works."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests import chromium
from tests.toolkit.report import grid, judged
from toolkit.commands.report import report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.found() is None, reason="LOUDLY: no Chromium here, so no page was looked at; `make check-pages` installs it"),
]
SETTINGS = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())["settings"]
TASKS, SAMPLES = 12, 10


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Chromium]:
    with chromium.Chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a page of each kind: a run, three runs, hostile samples, rounds, and rounds of a hostile model."""
    here = tmp_path_factory.mktemp("pages")
    runs = [judged.folder(here / f"r{i}", judged.results(TASKS, SAMPLES, i, 0.5 + i / 9), name=f"m{i}.jsonl") for i in range(3)]
    programs = dict.fromkeys([(judged.HOSTILE, 0), ("HumanEval/0", 0)], judged.HOSTILE)
    hostile = judged.folder(here / "hostile", judged.hostile(), name=judged.HOSTILE, programs=programs)
    one = grid.model_folder(here / "rounds", grid.MODELS[0], SETTINGS, ("none", "self-score"), (0,))
    other = grid.model_folder(here / "other", grid.MODELS[3], SETTINGS, ("none",), (0,))
    made = {
        "run": report(runs[:1]), "comparison": report(runs, here / "compared"), "hostile": report([hostile]),
        "rounds": report([one]), "grid": report([one, other], here / "grid"),
    }  # fmt: skip
    return {name: each.page for name, each in made.items()}


@pytest.mark.parametrize("name", ["run", "comparison", "hostile", "rounds", "grid"])
def test_each_page_in_each_window(browser: chromium.Chromium, pages: dict[str, Path], name: str) -> None:
    browser.errors.clear()
    browser.requests.clear()
    colours = set()
    for width, dark in product((390, 1280), (False, True)):
        browser.open(pages[name], width, dark=dark)
        browser.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
        browser.wait("[...document.querySelectorAll('.task')].every((each) => each.dataset.open)")
        browser.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
        assert browser.overflow() <= 0, (name, width)
        assert browser.run("document.body.innerText.length") > 500
        colours.add(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2, "light and dark"
    assert browser.errors == []
    assert browser.requests == []


@pytest.mark.parametrize("width", [390, 1280])
def test_whether_correctness_fell_is_in_the_first_window(browser: chromium.Chromium, pages: dict[str, Path], width: int) -> None:
    for name in ("rounds", "grid"):
        browser.open(pages[name], width)
        assert browser.run("document.querySelector('h2').textContent").startswith("Did correctness fall?")
        assert browser.run("document.querySelector('.answer dl').getBoundingClientRect().bottom") < 900, "of a window of 900"
        assert browser.run("[...document.querySelectorAll('.answer dl')].every((each) => each.scrollWidth <= each.clientWidth)")


def shown(browser: chromium.Chromium) -> tuple[int, int]:
    """Return samples and tasks that the page says it shows."""
    found = re.fullmatch(r"([\d,]+) of [\d,]+ samples, (\d+) of \d+ tasks", browser.run("document.getElementById('shown').textContent"))
    assert found
    return int(found[1].replace(",", "")), int(found[2])


def choose(browser: chromium.Chromium, name: str, label: str) -> None:
    """Choose what begins so in a list, and wait until the samples are shown."""
    browser.run(f"""(() => {{ const it = document.getElementById({name!r}), before = document.body.dataset.shown;
        it.value = [...it.options].find((each) => each.text.startsWith({label!r})).value; it.onchange();
        return before; }})()""")
    browser.wait(f"document.getElementById({name!r}).selectedOptions[0].text.startsWith({label!r}) && !document.getElementById('shown').textContent.includes('…')")


def search(browser: chromium.Chromium, text: str) -> None:
    before = browser.run("document.body.dataset.shown")
    browser.run(f"(() => {{ const it = document.getElementById('search'); it.value = {text!r}; it.oninput(); }})()")
    browser.wait(f"document.body.dataset.shown !== {before!r}")


def test_filters_search_and_order(browser: chromium.Chromium, pages: dict[str, Path]) -> None:
    rows = judged.rows(pages["run"].parent, "results.jsonl")
    browser.open(pages["run"])
    assert shown(browser) == (TASKS * SAMPLES, TASKS)
    wrong = [row for row in rows if row["verdict"] == "wrong_answer"]
    choose(browser, "verdict", "wrong answer")
    assert shown(browser) == (len(wrong), len({row["task_id"] for row in wrong}))
    choose(browser, "verdict", "all verdicts")
    named = [row for row in rows if row["detail"].endswith("NameError")]
    choose(browser, "class", "NameError")
    assert shown(browser) == (len(named), len({row["task_id"] for row in named}))
    choose(browser, "class", "all error classes")
    search(browser, "# SAMPLE 7\n")
    assert shown(browser) == (TASKS, TASKS), "each task has a program with that comment"
    search(browser, "another value than expected")
    assert shown(browser) == (len(wrong), len({row["task_id"] for row in wrong}))
    search(browser, "no such text anywhere")
    assert shown(browser) == (0, 0)
    search(browser, "")
    passed = {f"HumanEval/{i}": sum(row["verdict"] == "passed" for row in rows if row["task_id"] == f"HumanEval/{i}") for i in range(TASKS)}
    choose(browser, "sort", "lowest")
    order = browser.run("[...document.querySelectorAll('.task')].map((each) => each.dataset.task)")
    assert [passed[task] for task in order] == sorted(passed.values())
    rates = browser.run("[...document.querySelectorAll('.rate')].map((each) => each.textContent)")
    assert rates == [f"{100 * passed[task] / SAMPLES:.0f} %" for task in order]


def test_a_link_leads_to_a_sample_with_all_that_is_known(browser: chromium.Chromium, pages: dict[str, Path]) -> None:
    row = next(row for row in judged.rows(pages["run"].parent, "results.jsonl") if row["failed"])
    anchor = f"#{row['task_id'].replace('/', '%2F')}&0&{row['sample_id']}"
    browser.open(pages["run"], anchor=anchor)
    browser.wait("document.querySelector('.sample[open] pre')")
    text = browser.run("document.querySelector('.sample[open]').innerText")
    assert all(part in text for part in (row["detail"], row["failed"]["input"], "[2]", row["failed"]["got"], f"# sample {row['sample_id']}"))
    raw = browser.run("[...document.querySelectorAll('.sample[open] pre')].map((each) => each.textContent)")
    assert len(raw) == 2
    assert "It adds them up." in raw[1]
    assert browser.run("document.querySelectorAll('.task[open] .sample').length") == SAMPLES
    assert browser.run("document.querySelector('.task[open] pre').textContent").lstrip().startswith(("from typing", "def ", "import"))
    assert browser.run("document.querySelector('.sample[open] a').getAttribute('href')") == anchor


def test_a_sample_beside_that_of_another_run(browser: chromium.Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["comparison"], anchor="#HumanEval%2F3&1&4")
    browser.wait("document.querySelector('.sample[open] select')")
    choices = browser.run("[...document.querySelector('.sample[open] select').options].map((each) => each.text)")
    assert len(choices) == 3 * SAMPLES
    browser.run("(() => { const it = document.querySelector('.sample[open] select'); it.value = [...it.options].find((each) => each.text.startsWith('m2.jsonl · sample 9')).value; it.onchange(); })()")
    browser.wait("document.querySelector('.diff pre')")
    less, more = (browser.run(f"[...document.querySelectorAll('.diff .{name}')].map((each) => each.textContent)") for name in ("less", "more"))
    assert "-     # sample 9\n" in less
    assert "+     # sample 4\n" in more
    assert browser.run("document.querySelector('.diff pre').textContent").count("    total = 0\n") == 1, "what is alike stands once"


def test_hostile_texts_stay_texts(browser: chromium.Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"])
    browser.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
    browser.wait("document.querySelectorAll('.sample').length == 2")
    browser.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
    browser.wait("document.querySelectorAll('.sample pre').length >= 3")
    assert browser.run("document.title").startswith("script>\"'&\\u001b[31m"), "a file's name begins behind the last slash"
    assert browser.run("document.querySelectorAll('img, iframe, link, script:not([type])').length") == 1, "its own script"
    text = browser.run("document.querySelector('.sample[open] pre').textContent")
    assert text.startswith("</pre></script><script>document.title='taken'</script>")
    assert not set(text) & set("\x1b\u202e\0")


def test_twenty_thousand_samples_open_within_three_seconds(browser: chromium.Chromium, tmp_path: Path) -> None:
    found = judged.results(164, 121)
    page = report([judged.folder(tmp_path / "run", found)]).page
    assert page.stat().st_size <= 40 << 20
    seconds = min(min(browser.open(page), browser.worked) for _ in range(2))
    assert shown(browser) == (len(found), 164)
    search(browser, "# sample 120\n")
    assert shown(browser) == (164, 164)
    assert 0.01 < seconds <= 3
