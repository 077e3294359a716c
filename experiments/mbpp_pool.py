"""Make a prompt pool of MBPP's sanitised tasks: python experiments/mbpp_pool.py sanitized-mbpp.json > mbpp.jsonl

The file is google-research's (CC-BY 4.0), plain or gzipped. A prompt is the task's sentence with its first
test, as MBPP's are usually given; the asserts are the tests, and the reference program is what people wrote.
"""

import gzip
import json
import re
import sys
from pathlib import Path

data = Path(sys.argv[1]).read_bytes()
for task in json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data):
    names = [name for name in re.findall(r"\w+(?=\s*\()", task["test_list"][0]) if f"def {name}(" in task["code"]]
    print(json.dumps({
        "id": f"mbpp/{task['task_id']}",
        "prompt": f'"""\n{task["prompt"]}\n{task["test_list"][0]}\n"""\n',
        "solution": task["code"],
        "test": "\n".join([*task["test_imports"], *task["test_list"]]),
        "entry_point": names[0] if names else "",
    }))  # fmt: skip
