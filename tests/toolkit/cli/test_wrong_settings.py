"""A wrong setting of any command ends with 2 before anything runs: one line that names it, what is allowed, and the nearest."""

from pathlib import Path

import pytest

from tests import inside

LIKE_A_FLAG = {
    "no such option": (["eval", "humaneval", "--tempature", "1"], "No such option: --tempature", "--temperature"),
    "no such command": (["evl"], "No such command 'evl'", "Did you mean 'eval'?"),
}
CHOICES = {
    "prompt style": (["generate", "humaneval", "-o", "x", "--prompt", "0shot"], "--prompt is one of 0-shot, 1-shot, cot, completion", "0-shot"),
    "generator": (["eval", "humaneval", "--generator", "transformer"], "--generator: no generator is called 'transformer'", "transformers"),
    "benchmark": (["validate", "humanevl"], "no benchmark is called 'humanevl'", "humaneval"),
    "served benchmark": (["serve", "--benchmarks", "mbbp"], "no benchmark is called 'mbbp'", "mbpp"),
    "gate": (["gate", "--kind", "compil", "x.py"], "no gate is called 'compil'", "compile"),
    "threshold": (["gate", "--kind", "quality", "--threshold", "pylnt=8", "x.py"], "has a threshold 'pylnt'; there are pylint (quality)", "pylint"),
    "format": (["gate", "--format", "sarf", "x.py"], "--format is one of github, sarif", "sarif"),
    "form": (["distill", "x.jsonl", "-o", "x", "--form", "txt"], "--form is one of text, chat", "text"),
    "column": (["distill", "x.jsonl", "-o", "x", "--column", "tets=a"], "--column: 'tets=a' is no pair", "test"),
    "preset of train": (["train", "x.jsonl", "-o", "x", "--preset", "papr"], "--preset is one of paper", "paper"),
    "training": (["train", "x.jsonl", "-o", "x", "--unfinished", "opn"], "--unfinished must be 'leave-out', 'open' or 'closed'", "open"),
    "setting of rounds": (["rounds", "--regime", "compile"], "no setting is called 'regime'", "regimes"),
    "regime": (["rounds", "--regimes", "compil"], "regimes: 'compil': no gate is called 'compil'", "compile"),
    "machine": (["rounds", "--dry-run", "--gpu", "h300"], "--gpu is one of h200, h100, a100, cpu", "h200"),
    "study": (["study", "prune-fl", "small"], "there is no study 'prune-fl'", "pruning-fl"),
    "setting of a study": (["study", "per", "tiny", "--childern", "x"], "no setting is called 'childern'", "children"),
    "order": (["study", "pruning-fl", "tiny", "--orders", "flprune"], "orders must be 'prune-fl', 'fl-prune' or 'local'", "fl-prune"),
    "init": (["upcycle", "smollm2", "-o", "x", "--init", "copyy"], "--init is one of copy, noise, drop", "copy"),
    "score": (["prune", "smollm2", "-o", "x", "--ffn", "0.1", "--score", "actt"], "--score is one of act, mag, random", "act"),
    "budget": (["efficiency", "x", "--budget", "token=1"], "--budget wants what each task may take", "tokens"),
    "axis": (["efficiency", "x", "--anchors", "acuracy=0:1"], "an axis of --anchors is one of accuracy", "accuracy"),
    "transport": (["mcp", "--transport", "stdoi"], "--transport is one of stdio, streamable-http", "stdio"),
    "shim": (["shim", "code_evl", "x"], "METRIC is one of code_eval", "code_eval"),
    "image": (["images", "build", "lnt"], "there is no image 'lnt'", "lint"),
}  # fmt: skip
OUT_OF_RANGE = {
    "--n": ["generate", "humaneval", "-o", "x", "--n", "0"],
    "--max-new-tokens": ["generate", "humaneval", "-o", "x", "--max-new-tokens", "0"],
    "--temperature": ["generate", "humaneval", "-o", "x", "--temperature", "nan"],
    "--top-p": ["generate", "humaneval", "-o", "x", "--temperature", "1", "--top-p", "2"],
    "--batch-size": ["generate", "humaneval", "-o", "x", "--batch-size", "0"],
    "--lr": ["train", "x.jsonl", "-o", "x", "--lr", "-1"],
    "rounds": ["rounds", "--rounds", "0"],
    "--parameters": ["rounds", "--dry-run", "--parameters", "0"],
    "--ffn": ["prune", "smollm2", "-o", "x", "--ffn", "2"],
    "--experts": ["upcycle", "smollm2", "-o", "x", "--active", "9"],
    "--boxes": ["serve", "--boxes", "0"],
    "--similarity": ["distill", "x.jsonl", "-o", "x", "--similarity", "2"],
}
USELESS = {
    "--temperature": ["build-pro", "humaneval", "-o", "x", "--temperature", "0.5"],
    "--revision": ["eval", "humaneval", "--samples", "x", "--revision", "main"],
    "--model": ["gate", "--kind", "compile", "--model", "x", "x.py"],
    "--skew": ["upcycle", "smollm2", "-o", "x", "--skew", "0.5"],
    "--score": ["prune", "smollm2", "-o", "x", "--layers", "1", "--score", "mag"],
    "--lora-rank": ["train", "x.jsonl", "-o", "x", "--full", "--lora-rank", "4"],
    "--seed": ["prune", "smollm2", "-o", "x", "--ffn", "0.1", "--seed", "3"],
    "--port": ["mcp", "--port", "9"],
    "--every": ["watch", "x", "--once", "--every", "5"],
    "--data": ["report", "x", "--published", "--data", "y"],
    "--runtime": ["pairs", "x", "y", "--verdicts-only", "--runtime", "runsc"],
    "--gpu": ["rounds", "--gpu", "h200"],
    "--margin": ["rounds", "--margin", "0.1"],
    "--delta-sd": ["analyze", "--theory", "--delta-sd", "0.1"],
    "--like": ["report", "x", "--like", "qwen"],
    "--matrix": ["doctor", "--ray", "auto", "--matrix"],
    "cot": ["rounds", "--cot"],
}


def refused(words: list[str], folder: Path) -> str:
    done = inside.toolkit(*words, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir()), "nothing was begun"
    return done.stderr


@pytest.mark.parametrize("case", LIKE_A_FLAG)
def test_a_misspelt_flag_or_command(case: str, tmp_path: Path) -> None:
    words, said, near = LIKE_A_FLAG[case]
    told = refused(words, tmp_path)
    assert said in told
    assert near in told


@pytest.mark.parametrize("case", CHOICES)
def test_a_misspelt_value(case: str, tmp_path: Path) -> None:
    words, said, near = CHOICES[case]
    told = refused(words, tmp_path)
    assert said in told
    assert told.endswith(f"; did you mean {near!r}?\n")
    assert told.count("\n") == 1


@pytest.mark.parametrize("flag", OUT_OF_RANGE)
def test_a_number_out_of_its_range(flag: str, tmp_path: Path) -> None:
    told = refused(OUT_OF_RANGE[flag], tmp_path)
    assert told.startswith(f"toolkit: {flag} ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("flag", USELESS)
def test_a_setting_without_effect(flag: str, tmp_path: Path) -> None:
    told = refused(USELESS[flag], tmp_path)
    assert told.startswith(f"toolkit: {flag} has no effect ")
    assert told.count("\n") == 1
