"""Studies: experiments that answer a question, one file each, one line in `STUDIES`. `toolkit study NAME PRESET` runs one.

How to write one. Subclass `toolkit.studies.base.Study` and set `name`, `question`, `method`, `limits` (what it cannot
say), `references` (links by name), `settings` (a subclass of `StudySettings`; take `Field` from there) and `presets`:
`tiny` (begin it with `base.TINY`: seconds, in every test run), `small` (two cores, 20 minutes), `gpu` and `full`. Then
three methods:

- `cells(settings)` returns the combinations of levels, as `Cell(name, levels)`.
- `run(lab, cell, seed)` does one of them and returns `Found(scores, numbers)`. What takes time goes through
  `lab.stage(folder, "train-0", inputs, act)`, which runs `act` once, keeps what it returns (plain data) in a small JSON
  file, and refuses to go on with other `inputs`. The kind of a stage, before the dash, is `prepare`, `train`, `score`,
  `write`, `judge` or `measure`. `lab.scores(folder, digest, build)` gives both primary scores of a model on all
  benchmarks of the settings: `pass@NAME` by the oracle, and `nll@NAME`. `build` returns the model and is called only
  where a stage runs, so it is best a recipe (load, prune, put adapters on): weights need not be kept. `digest` stands for
  all that it depends on.
- `contrasts(settings)` returns what is asked: weights of cells, by `base.both(name, {"cell": 1.0, "other": -1.0}, settings,
  named=True)`, or `Contrast` with terms of several scores. Tasks of one score are paired, those of two are independent.

`summary` may add tables to the page, `claims` other claims, `verdict` another last line; `trained` and `scored` say the
cost for `--dry-run`, and `read`, `problems` and `sees` what a study asks beside benchmarks and contrasts. A number that
is the same in every run belongs in the ledger; what was measured with a clock belongs in a stage.
"""

from typing import Any

from toolkit.studies import moe_balance, moe_dense, per, pruning_fl, reliability
from toolkit.studies.base import Study

STUDIES: dict[str, Study[Any]] = {
    each.name: each for each in (
        per.Per(),
        moe_balance.MoeBalance(),
        moe_dense.MoeDense(),
        pruning_fl.PruningFl(),
        reliability.Reliability(),
    )
}  # fmt: skip
"""Every study by its name."""

__all__ = ["STUDIES", "Study"]
