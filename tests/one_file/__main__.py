"""The command line with one more of each kind."""

from gates import GATES
from sandbox import ENGINES
from tests.one_file import copied, greetings, likely, logged, piped, powers, short
from toolkit.benchmarks import BENCHMARKS
from toolkit.models.generators import GENERATORS

BENCHMARKS["powers"] = powers.BENCHMARK
BENCHMARKS["greetings"] = greetings.BENCHMARK
GATES["short"] = short.Short
GATES["copied"] = copied.Copied
GATES["likely"] = likely.Likely
GENERATORS["piped"] = piped.Piped
ENGINES["logged"] = logged.LoggedEngine

if __name__ == "__main__":
    from toolkit.cli.main import app

    app()
