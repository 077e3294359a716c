"""Programs that are wrong in one place, which good tests fail."""

import ast
import copy
from collections.abc import Iterator

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


def mutants(text: str) -> Iterator[str]:
    """Yield the program with one operator, constant or condition changed. Docstrings and annotations stay.

    Raises:
        SyntaxError: it does not parse.
    """
    tree = ast.parse(text)
    for node in _places(tree):
        before = copy.copy(node.__dict__)
        for change in _changes(node):
            node.__dict__.update(change)
            yield ast.unparse(ast.fix_missing_locations(tree))
            node.__dict__.clear()
            node.__dict__.update(before)


def _places(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in field if isinstance(field, list) else [field]:
            is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not is_text:
                yield from _places(child)


def _changes(node: ast.AST) -> Iterator[dict[str, object]]:
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _OTHER:
        yield {"op": _OTHER[type(node.op)]()}
    elif isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            yield {"ops": [*node.ops[:at], _OTHER[type(op)](), *node.ops[at + 1 :]]}
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | bool | int | float):
        value = node.value
        yield {"value": f"{value}x" if isinstance(value, str) else not value if isinstance(value, bool) else value + 1}
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield {"test": ast.UnaryOp(op=ast.Not(), operand=node.test)}
    if isinstance(node, ast.comprehension) and node.ifs:
        yield {"ifs": []}
