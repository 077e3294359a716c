"""What stands in a test for an object of the program's."""

from typing import TYPE_CHECKING, Any

from images.box import values
from images.box.values import NoData

if TYPE_CHECKING:
    from images.box.bridge.client import Client

JUDGING = frozenset([
    "equals", "eq", "ne", "isin", "almost_equal", "allclose", "array_equal", "compare", "identical", "difference",
    "symmetric_difference", "issubset", "issuperset", "isdisjoint",
])  # fmt: skip
"""Methods by which an object would say of itself whether it is right."""
_DENIED = frozenset({
    "__class__", "__dict__", "__reduce__", "__reduce_ex__", "__getstate__", "__array__", "__array_interface__",
    "__array_struct__", "__array_ufunc__", "__array_function__", "__await__", "__del__",
})  # fmt: skip


class Proxy:
    """What stands in a test for an object of the program's; its class is the first of `names` that the test has loaded."""

    __slots__ = ("_classes", "_client", "_number")

    def __init__(self, client: "Client", number: int, names: Any) -> None:
        for name, value in (("_client", client), ("_number", number), ("_classes", names)):
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        kinds = (values.class_named(*name) for name in object.__getattribute__(self, "_classes"))
        return next((kind for kind in kinds if kind is not None), Proxy)

    def __getattr__(self, name: str) -> Any:
        if name in JUDGING:
            _client(self).strange.append(f"an object of the program's would say itself whether it {name}")
            raise NoData(name)
        if name in _DENIED or name.startswith("_client"):
            raise AttributeError(name)
        return _client(self).asked("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _client(self).asked("set", self, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _client(self).asked("call", self, list(arguments), named)

    def __len__(self) -> int:
        return int(_client(self).asked("len", self))

    def __iter__(self) -> Any:
        return _Iterator(_client(self), _client(self).asked("iter", self))

    def __next__(self) -> Any:
        return _client(self).asked("next", self)

    def __getitem__(self, key: Any) -> Any:
        return _client(self).asked("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _client(self).asked("put", self, key, value)

    def __contains__(self, item: Any) -> bool:
        return any(each is item or each == item for each in self)

    def __bool__(self) -> bool:
        return bool(_client(self).asked("bool", self))

    def __str__(self) -> str:
        return str(_client(self).asked("str", self))

    def __repr__(self) -> str:
        return str(_client(self).asked("repr", self))

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError("it is in the program's box")

    def __dir__(self) -> Any:
        return list(_client(self).asked("dir", self))

    def __enter__(self) -> Any:
        return _client(self).asked("get", self, "__enter__")()

    def __exit__(self, *_about: object) -> None:
        _client(self).asked("get", self, "__exit__")(None, None, None)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return int(object.__getattribute__(self, "_number"))


class _Iterator:
    def __init__(self, client: "Client", source: Any) -> None:
        self.client, self.source = client, source

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if type(self.source) is Proxy:
            return self.client.asked("next", self.source)
        return next(self.source)


def _client(proxy: Proxy) -> "Client":
    found: Client = object.__getattribute__(proxy, "_client")
    return found
