"""The recordings that the scripted box replays: they are what real boxes say, and nothing else is ever replayed."""

import pytest

from sandbox import Box, DockerEngine
from tests import scripted


def test_real_boxes_still_say_what_was_recorded(engine: DockerEngine) -> None:
    assert not list(scripted.ask_again(engine, scripted.load())), "record anew: python -m tests.scripted"


def test_what_was_never_recorded_is_an_error_and_no_answer() -> None:
    engine = scripted.ScriptedEngine()
    with Box(engine) as box, pytest.raises(scripted.NotRecorded, match=r"python -m tests\.scripted"):
        box.run("print('never asked of a real box')")
    assert len(engine.unknown) == 1
    assert not engine.open


def test_a_changed_answer_is_noticed() -> None:
    """What the comparison calls the same is the same but for seconds, memory and places."""
    said = [({"op": "end", "status": "exited", "charged_s": 0.1}, b"at 0x7f00deadbeef")]
    assert scripted.lasting(said) == scripted.lasting([({"op": "end", "status": "exited", "charged_s": 9.9}, b"at 0x55deadbeef00")])
    assert scripted.lasting(said) != scripted.lasting([({"op": "end", "status": "signaled", "charged_s": 0.1}, b"at 0x7f00deadbeef")])
    assert scripted.lasting(said) != scripted.lasting([said[0], said[0]])
