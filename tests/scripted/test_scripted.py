"""The recordings that the scripted box replays: they are what real boxes say, and nothing else is ever replayed."""

import pytest

from sandbox import Box, DockerEngine
from tests import scripted


def test_real_boxes_still_say_what_was_recorded(engine: DockerEngine) -> None:
    found = list(scripted.ask_again(engine, scripted.load()))
    assert not found, "\n\n".join(["record anew: python -m tests.scripted", *(one[:2000] for one in found)])


def test_what_was_never_recorded_is_an_error_and_no_answer() -> None:
    engine = scripted.ScriptedEngine()
    with Box(engine) as box, pytest.raises(scripted.NotRecorded, match=r"python -m tests\.scripted"):
        box.run("print('never asked of a real box')")
    assert len(engine.unknown) == 1
    assert not engine.open


def test_a_changed_answer_is_noticed() -> None:
    """What the comparison calls the same is the same but for seconds, memory and places."""
    batch, stop = ({"op": "batch"}, b""), ({"op": "stop"}, b"")
    end = {"op": "end", "status": "exited", "charged_s": 0.1}
    said = [(end, b"at 0x7f00deadbeef")]
    assert scripted.lasting(said, batch) == scripted.lasting([(end | {"charged_s": 9.9}, b"at 0x55deadbeef00")], batch)
    for other in ([(end | {"status": "signaled"}, said[0][1])], [(end, b"at home")], said * 2, []):
        assert scripted.lasting(said, batch) != scripted.lasting(other, batch)
    assert scripted.lasting(said, stop) == scripted.lasting([(end | {"status": "stopped"}, said[0][1])], stop)
    assert scripted.is_prefix([(end, b"R1R")], [(end, b"R1R2")])
    assert not scripted.is_prefix([(end, b"R2R")], [(end, b"R1R2")])
    assert scripted.broke_off([(end | {"status": "violated"}, b"")])
    assert not scripted.broke_off(said)
