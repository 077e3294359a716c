"""What generators say of time and of where they run."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from tests.toolkit.models.generated import PROMPTS, Endpoint, everything, opened, right
from toolkit.models import load
from toolkit.models.generators import Sampling, Source
from toolkit.models.generators.openai_ import OpenAIGenerator


def test_generators_say_how_long_an_answer_took(torch: Any, folder: str) -> None:
    generator = opened(folder, batch_size=4)
    found = everything(generator, Sampling(n=1, max_new_tokens=8))
    assert all(one.seconds and 0 < one.seconds < 60 for one in found)
    assert generator.machine["device"] == "cpu"
    assert generator.machine["batch_size"] == 4
    assert generator.machine["n_parameters"] == generator.machine["n_active"] == generator.model.num_parameters()


def test_an_endpoint_is_timed_request_by_request(endpoint: Callable[..., Endpoint]) -> None:
    generator = OpenAIGenerator(Source(model="m", base_url=endpoint(right).url, batch_size=1))
    found = everything(generator, Sampling(), PROMPTS[:3])
    assert all(0.02 <= (one.seconds or 0) < 30 for one in found)
    assert generator.machine == {"batch_size": 1}


def test_experts_that_a_token_does_not_meet_are_not_active(torch: Any) -> None:
    def weights() -> Iterator[tuple[str, Any]]:
        yield "model.layers.0.mlp.experts.gate_up_proj", torch.zeros(8, 10)
        yield "model.layers.0.mlp.gate.weight", torch.zeros(7)

    config = SimpleNamespace(num_local_experts=8, num_experts_per_tok=2, get_text_config=lambda: config)
    planted = SimpleNamespace(
        config=config, device=torch.device("cpu"), named_parameters=weights, parameters=lambda: (it for _, it in weights())
    )
    found = load.machine(planted)
    assert (found["n_parameters"], found["n_active"]) == (87, 27)
