"""A program whose box does not survive it, twice, is refused by every gate that asked."""

from typing import Any

import pytest

from gates import Corpus, Solution, parse
from sandbox import Box, BoxLost, Engine, Sandbox
from tests.faults import nothing_left

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.fixture(scope="module")
def engine(either: Engine) -> Engine:
    return either


def test_gates_refuse_what_its_box_does_not_survive_twice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ten; and whatever else is raised ends the run, with nothing left."""
    codes = [f"def double{i}(x):\n    return x + x\n" for i in range(10)]
    programs = [Solution(code=code, test=f"assert double{i}(2) == 4") for i, code in enumerate(codes)]
    corpus = Corpus(items=(("other", "print(1)", "print(1)"),))
    kinds = ["compile", "import", "tests", "decontaminate"]
    real, n_left, error = Box.tell, 0, BoxLost("gone")

    def tell(self: Box, header: Any, payload: bytes = b"") -> None:
        nonlocal n_left
        if n_left and b"double3" in payload:
            n_left -= 1
            raise error
        real(self, header, payload)

    monkeypatch.setattr(Box, "tell", tell)
    with nothing_left(engine), Sandbox(engine, 2) as pool:
        for kind in kinds:
            gates = parse(kind, given={"corpus": corpus})
            for n_left, is_refused in ((1, False), (9, True)):  # noqa: B007
                reports = [one for (one,) in gates.check_many(programs, pool)]
                assert [report.passed for report in reports] == [i != 3 or not is_refused for i in range(10)], kind
            assert [one.message for one in reports[3].findings] == ["its box did not survive it, twice"]
