"""Score a model on a slice of HumanEval and on the benchmark built upon it: python experiments/built_drop.py OUTPUT

The benchmark is built from templates, without a model; then one model answers both, greedily unless options that follow, of
`toolkit eval`, say otherwise, and `toolkit pairs` sets them side by side. The last line is the drop with its 95 % interval.
What is begun in OUTPUT is gone on with.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path


def toolkit(*words: str) -> str:
    """Run a command of the toolkit and return what it prints; end with its exit code where it fails."""
    done = subprocess.run([sys.executable, "-m", "toolkit.cli", *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def main() -> None:
    """Build, score twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--limit", default="24", help="tasks of HumanEval")
    given, more = parser.parse_known_args()
    folder = {name: given.output / name for name in ("build", "base", "built", "pairs")}

    def again(name: str) -> list[str]:
        return ["--output", str(folder[name]), *(["--resume"] if folder[name].is_dir() else [])]

    (log,) = json.loads(toolkit("build-pro", "humaneval", "--limit", given.limit, *again("build"), "--json"))
    data = str(folder["build"] / "built.jsonl")
    print(f"built: {log['kept']} of {log['tasks']} tasks; {data}", flush=True)
    toolkit("eval", "humaneval", "--limit", given.limit, *again("base"), *more, "--json")
    toolkit("eval", "humaneval-pro", "--data", data, *again("built"), *more, "--json")
    words = [str(folder["base"]), str(folder["built"]), "--verdicts-only", "--output", str(folder["pairs"])]
    (pair,) = json.loads(toolkit("pairs", *words, "--json"))["pairs"]
    shares = f"base {pair['base']['value']:.1%}, built {pair['pro']['value']:.1%}"
    print(f"solved of {pair['n_tasks']} tasks: {shares}; {pair['matrix']}")
    value, low, high = (100 * pair["difference"][name] for name in ("value", "low", "high"))
    print(f"drop: {value:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}), p = {pair['p_value']:.3f}")


if __name__ == "__main__":
    main()
