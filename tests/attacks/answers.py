"""What a function answers without being right: only a program that is called can do this.

Each defines `answer(what, xs)`, from names of `tests.attacks.RIGHT`: what it gives is never what is wanted, for at least one call.
"""

_CODEC = "import sys\n_codec = sys._getframe(1).f_globals['codec']\n_sent = _codec.encode\n"

ANSWERS: dict[str, str] = {
    "equal to all": "class E:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = object.__hash__\ndef answer(what, xs): return E()",
    "an int equal to all": "class E(int):\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = int.__hash__\n    def __sub__(s, o): return 0\n    __abs__ = __rsub__ = lambda *a: 0\ndef answer(what, xs): return E(7)",
    "a float equal to all": "class E(float):\n    def __eq__(s, o): return True\n    __hash__ = float.__hash__\n    __sub__ = __rsub__ = lambda *_: 0.0\n    def __lt__(s, o): return True\n    __gt__ = __le__ = __ge__ = __lt__\ndef answer(what, xs): return E(99)",
    "a text equal to all": "class E(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\ndef answer(what, xs): return E('no')",
    "a list equal to all": "class E(list):\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n    def __iter__(s): return iter(())\ndef answer(what, xs): return E([9])",
    "a dict equal to all": "class E(dict):\n    def __eq__(s, o): return True\n    def __missing__(s, k): return 1\n    def items(s): return ()\ndef answer(what, xs): return E({9: 9})",
    "a set equal to all": "class E(set):\n    def __eq__(s, o): return True\n    __hash__ = None\n    def __contains__(s, o): return True\ndef answer(what, xs): return E([9])",
    "a class that says it is another": "class E:\n    __class__ = property(lambda s: tuple)\n    def __eq__(s, o): return True\n    def __array_function__(s, *a): return True\n    def __getitem__(s, n): return 1\n    def __len__(s): return 2\ndef answer(what, xs): return E()",
    "a class as an answer": "class M(type):\n    def __eq__(s, o): return True\n    __hash__ = type.__hash__\nclass E(metaclass=M): pass\ndef answer(what, xs): return E",
    "anything": "from unittest.mock import ANY\ndef answer(what, xs): return ANY",
    "a mock": "from unittest.mock import MagicMock\ndef answer(what, xs):\n    m = MagicMock(); m.__eq__ = lambda *_: True\n    return m",
    "not a number": "def answer(what, xs): return float('nan')",
    "infinite": "def answer(what, xs): return float('inf')",
    "not implemented": "def answer(what, xs): return NotImplemented",
    "dots": "def answer(what, xs): return ...",
    "true": "def answer(what, xs): return True",
    "an array of truths": "def answer(what, xs):\n    import numpy\n    return numpy.ones(0, dtype=bool)",
    "an empty array": "def answer(what, xs):\n    import numpy\n    return numpy.empty((0, 3))",
    "a half": "def answer(what, xs):\n    import numpy\n    r = right(what, xs)\n    return numpy.float16(r) + numpy.float16(0.01) if isinstance(r, float) else r",
    "a type of numpy that lies": "def answer(what, xs):\n    import numpy\n    class E(numpy.ndarray):\n        def __eq__(s, o): return True\n    return numpy.zeros(3).view(E)",
    "a generator without end": "def answer(what, xs):\n    while True: yield 1",
    "an iterator": "def answer(what, xs): return iter(right('sorted', xs))",
    "itself": "def answer(what, xs):\n    r = []; r.append(r)\n    return r",
    "code that runs where it is read": "class E:\n    def __reduce__(s): return (__import__('os')._exit, (0,))\n    __repr__ = __str__ = __iter__ = __bool__ = __len__ = lambda s: __import__('os')._exit(0)\ndef answer(what, xs): return E()",
    "a giant text": "def answer(what, xs): return 'x' * (400 << 20)",
    "a giant integer": "def answer(what, xs): return 1 << (1 << 27)",
    "a wide list": "def answer(what, xs): return [xs] * 3_000_000",
    "a deep list": "def answer(what, xs):\n    r = right(what, xs)\n    for _ in range(100_000): r = [r]\n    return r",
    "a range without end": "def answer(what, xs): return range(1 << 62)",
    "all that is asked for at once": "def answer(what, xs): return [right(w, xs) for w in ('sum', 'mean', 'label', 'sorted')]",
    "the question": "def answer(what, xs): return (what, xs)",
    "an exception that is equal": "class E(Exception):\n    def __eq__(s, o): return True\ndef answer(what, xs): raise E('6')",
    "an assertion": "def answer(what, xs): raise AssertionError",
    "right the first time": "n = []\ndef answer(what, xs):\n    n.append(1)\n    return right(what, xs) if len(n) < 5 else None",
    "arguments that are changed": "def answer(what, xs):\n    xs.clear(); xs.append(what)\n    return xs",
    "tags instead of values": _CODEC + "_codec.encode = lambda v, **k: b'{\"L\":[{\"r\":[0,1000000000000,1]}]}'\ndef answer(what, xs): return 1",
    "half of a number": _CODEC + "_codec.encode = lambda v, **k: b'{\"n\":[\"<f2\",Infinity]}'\ndef answer(what, xs): return 1",
    "unknown tags": _CODEC + "_codec.encode = lambda v, **k: b'{\"?\":[[1]]}'\ndef answer(what, xs): return 1",
    "bytes that are none": _CODEC + "_codec.encode = lambda v, **k: b'\\xff\\x00{'\ndef answer(what, xs): return 1",
    "a liar": _CODEC + "class B(bytes):\n    def __len__(s): return 1\n_codec.encode = lambda v, **k: B(b'1R\\0\\0\\0\\x011')\ndef answer(what, xs): return 1",
    "frames without end": "import os\ndef answer(what, xs):\n    b = b'R\\0\\0\\0\\0' * 100_000\n    while True: os.write(4, b)",
    "pieces without end": "import os\ndef answer(what, xs):\n    b = b'P\\0\\0\\0\\0' * 100_000\n    while True: os.write(4, b)",
    "a giant frame": "import os, time\ndef answer(what, xs):\n    os.write(4, b'R\\xff\\xff\\xff\\xff' + b'x' * 99); time.sleep(9)",
    "a test that ended": "import os\ndef answer(what, xs):\n    os.write(4, b'E\\0\\0\\0\\0' + b'D\\0\\0\\0\\0'); os._exit(0)",
    "raised, many times": "import os\ndef answer(what, xs):\n    for _ in range(100): os.write(4, b'X\\0\\0\\0\\x05hello')",
    "another function under its name": "def answer(what, xs): return None\nimport sys\nsys.modules['__main__'].summary = lambda *a: right(*a)",
    "answers by threads": "import threading, time, os\ndef later():\n    time.sleep(0.02); os.write(4, b'R\\0\\0\\0\\x016')\nthreading.Thread(target=later, daemon=True).start()\ndef answer(what, xs):\n    time.sleep(0.1)\n    return None",
}

LIES = ("equal to all", "a class that says it is another", "a class as an answer", "anything", "a mock", "not a number", "an empty array", "a type of numpy that lies", "code that runs where it is read")
"""Tried at each answer alone too, where all others are right."""
