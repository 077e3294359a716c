"""Models behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, `transformers serve`, and services.

Each sample is one request, so that it has its own seed; servers cache the prompt's prefix. `OPENAI_API_KEY` is sent if set.
"""

import asyncio
import math
import os
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from toolkit.errors import missing
from toolkit.models.generators.base import Generation, Prompt, Sampling, Tick, cut
from toolkit.models.source import BadModel, GenerationFailed, Source

_ATTEMPTS = 6
_MAX_WAIT_S = 30.0
_ANSWER_S = 900.0
"""Timeout of one answer, in seconds."""
_MAX_STOPS = 4
"""Services take no more stop strings than this; the rest are applied here."""


class _Passing(GenerationFailed):
    """A transient failure; the request is retried."""

    wait_s = 0.0


class OpenAIGenerator:
    """Send at most `batch_size` (16) requests at a time to an endpoint; retry transient failures with growing waits."""

    prefills = False

    @classmethod
    def takes(cls, source: Source) -> bool:
        """Return whether there is an address."""
        return bool(source.base_url)

    def __init__(self, source: Source) -> None:
        """Check that the endpoint answers. Without a model's name, take the first model that it lists."""
        try:
            import httpx
            import tenacity  # noqa: F401
        except ImportError as error:
            raise GenerationFailed(missing(error)) from None
        self._url = (source.base_url or "").rstrip("/")
        self.chat = source.chat is not False
        self._n_at_once = source.batch_size or 16
        self._headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get("OPENAI_API_KEY")) else {}
        self._logprobs = True
        self.model = source.model
        try:
            response = httpx.get(f"{self._url}/models", headers=self._headers, timeout=10, follow_redirects=True)
            if not self.model:
                self.model = str(response.json()["data"][0]["id"])
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise BadModel(f"--base-url {source.base_url}: not an address, as http://HOST:8000/v1 is ({error})") from None
        except httpx.HTTPError as error:
            raise GenerationFailed(f"no endpoint answers at {self._url} ({error or type(error).__name__})") from None
        except (ValueError, LookupError, TypeError):
            raise BadModel(f"{self._url} does not say which models it has; name one with --model") from None
        self.about = {"model": self.model, "base_url": self._url}
        self.machine = {"batch_size": self._n_at_once}

    def close(self) -> None:
        """Do nothing: no connection outlives a call."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        done: Collection[tuple[int, int]] = (),
        tick: Tick = lambda *_: None,
    ) -> Iterator[list[Generation]]:
        """Yield samples as they arrive; see `Generator`.

        Raises:
            BadModel: the endpoint refuses the key, the model or the request.
            GenerationFailed: the endpoint stays down, or keeps answering nonsense.
        """
        import httpx

        wanted = [(i, sample_id) for i in range(len(prompts)) for sample_id in range(sampling.n)]
        with asyncio.Runner() as runner:
            at_once = asyncio.Semaphore(self._n_at_once)
            limits = httpx.Limits(max_connections=self._n_at_once)
            client = httpx.AsyncClient(headers=self._headers, timeout=httpx.Timeout(_ANSWER_S, connect=10), limits=limits)

            async def one(index: int, sample_id: int) -> Generation:
                async with at_once:
                    return await self._sample(client, index, sample_id, prompts[index], sampling)

            create = runner.get_loop().create_task
            pending = {create(one(*key)) for key in wanted if key not in done}
            try:
                while pending:
                    ready, pending = runner.run(_first(pending))
                    good = [task.result() for task in ready if task.exception() is None]
                    if good:
                        tick(sum(generation.n_tokens for generation in good), len(good))
                        yield good
                    for task in ready:
                        task.result()
            finally:
                for task in pending:
                    task.cancel()
                runner.run(client.aclose())

    def text(self, prompt: Prompt) -> str:
        """Return the text that is sent; what the endpoint makes of a message is not known here."""
        return prompt.text

    def _question(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": prompt.text}]} if prompt.chat else {"prompt": prompt.text}

    async def _sample(
        self, client: Any, index: int, sample_id: int, prompt: Prompt, sampling: Sampling
    ) -> Generation:
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed_of(prompt.task_id, sample_id),
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop[:_MAX_STOPS])
        started = time.monotonic()
        asked = self._question(prompt)
        answer = await self._asked(client, "chat/completions" if "messages" in asked else "completions", body | asked)
        choice, usage = answer["choices"][0], answer.get("usage")
        text = (choice["message"]["content"] if "messages" in asked else choice["text"]) or ""
        completion, stopped = cut(text, sampling.stop)
        n_tokens, n_prompt_tokens = (
            usage.get(name) if isinstance(usage, dict) else 0 for name in ("completion_tokens", "prompt_tokens")
        )
        return Generation(
            index=index,
            sample_id=sample_id,
            prompt=self.text(prompt),
            completion=completion,
            n_prompt_tokens=int(n_prompt_tokens or 0),
            n_tokens=int(n_tokens or 0),
            finished=stopped or choice.get("finish_reason") == "stop",
            mean_logprob=_mean_logprob(choice),
            field=prompt.field,
            seconds=time.monotonic() - started,
        )

    async def _asked(self, client: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=_MAX_WAIT_S)
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=lambda state: max(backoff(state), getattr(state.outcome.exception(), "wait_s", 0.0)),
            retry=tenacity.retry_if_exception_type(_Passing),
            reraise=True,
        )
        found: dict[str, Any] = await retrying(self._ask, client, path, body)
        return found

    async def _ask(self, client: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
        import httpx

        if self._logprobs:
            body = body | {"logprobs": True if "messages" in body else 1}
        try:
            response = await client.post(f"{self._url}/{path}", json=body)
        except httpx.HTTPError as error:
            raise _Passing(f"the endpoint {self._url} does not answer ({error or type(error).__name__})") from None
        said = " ".join(response.text.split())[:300]
        status = response.status_code
        if status in (400, 422) and "logprob" in said.lower() and self._logprobs:
            self._logprobs = False
            return await self._ask(client, path, {name: value for name, value in body.items() if name != "logprobs"})
        if status in (401, 403):
            raise BadModel(f"{self._url} refuses the key in OPENAI_API_KEY ({status}: {said})")
        if 400 <= status < 500 and status not in (408, 409, 425, 429):
            raise BadModel(f"{self._url}/{path} refuses model {self.model!r} or the request ({status}: {said})")
        if status != 200:
            busy = _Passing(f"the endpoint {self._url} answers {status}: {said}")
            after = response.headers.get("retry-after", "")
            busy.wait_s = min(float(after), _MAX_WAIT_S) if after.isdecimal() else 0.0
            raise busy
        try:
            answer = response.json()
            choice = answer["choices"][0]
            text = choice["message"]["content"] if "messages" in body else choice["text"]
            if not isinstance(text, str | None):
                raise TypeError
        except (ValueError, LookupError, TypeError):
            raise _Passing(f"the endpoint {self._url} sends something that is not a completion: {said!r}") from None
        return dict(answer)


async def _first(tasks: set[Any]) -> Any:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _mean_logprob(choice: dict[str, Any]) -> float | None:
    """Return the mean log probability if the answer has one; chat and completion endpoints differ in its shape."""
    try:
        said = choice["logprobs"]
        logprobs = [token["logprob"] for token in said["content"]] if "content" in said else said["token_logprobs"]
        mean = sum(logprobs) / len(logprobs)
        return round(mean, 6) if math.isfinite(mean) else None
    except (LookupError, TypeError, ValueError, ZeroDivisionError):
        return None
