"""What the source of a module says: a hash of its syntax tree, blind to comments, docstrings and layout.

It names what a result depends on: a run on its rule and its task, a figure on its own module and those that it imports.
The hash is the same under every Python from 3.7 on.
"""

import ast
import functools
import hashlib
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from experiments import HOME

# constants have had a node each until Python 3.8, which has one for all
OLD_CONSTANTS = {"Num": "n", "Str": "s", "Bytes": "s", "NameConstant": "value", "Constant": "value"}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def source_hashes(modules: Iterable[str], packages: Iterable[str]) -> Dict[str, str]:
    """{module: 16 hexadecimal digits} for these modules of the project and all that they import, directly or through
    one another, from these packages; a package's __init__ counts as a module."""
    return {name: _hash(name) for name in imported(modules, packages)}


def imported(modules: Iterable[str], packages: Iterable[str]) -> List[str]:
    """The modules, and those of the packages that they import, directly or through one another; sorted."""
    found, left = set(), list(modules)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [other for other in _imports(name) if other.split(".")[0] in packages]
    return sorted(found)


def names_file(module: str, file: str) -> bool:
    """Whether the code of a module, not a comment or docstring in it, has the name of a file as a string."""
    return f"Constant({ascii(file)})" in syntax(_text(module))


def syntax(text: str) -> str:
    """The syntax tree of a source text as one line, the same under every version of Python.

    Without docstrings, and without a task's class Parameters: their values are in the configuration, and what is said
    of them changes no number.
    """
    tree = _without_docstrings(ast.parse(text))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ClassDef) and node.name == "Parameters")]
    return _written(tree)


@functools.lru_cache(maxsize=None)
def _hash(module: str) -> str:
    return hashlib.sha256(syntax(_text(module)).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=None)
def _imports(module: str) -> List[str]:
    """The project's modules that a module imports anywhere in it, by name."""
    found = []
    for node in ast.walk(ast.parse(_text(module))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if _path(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            # what is no module of the package is a name in its __init__
            found += [name if _path(name) else origin for name in (f"{origin}.{alias.name}" for alias in node.names)]
    return [name for name in found if _path(name)]


def _origin(module: str, node: ast.ImportFrom) -> str:
    """The full name of what `from ... import` takes from."""
    if not node.level:
        return node.module
    parts = module.split(".") + (["__init__"] if _path(module).name == "__init__.py" else [])
    return ".".join(parts[: -node.level] + ([node.module] if node.module else []))


def _path(module: str) -> Optional[Path]:
    base = HOME.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _text(module: str) -> str:
    return _path(module).read_text(encoding="utf-8")


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _written(node) -> str:
    """ast.dump, but for what Python versions write differently: constants, indices, fields that are empty, and nothing
    at the end of an f-string (3.12)."""
    if isinstance(node, list):
        return "[" + ", ".join(map(_written, node)) + "]"
    if isinstance(node, ast.JoinedStr):
        return "JoinedStr(" + ", ".join(part for part in map(_written, node.values) if part != "Constant('')") + ")"
    if not isinstance(node, ast.AST):
        return ascii(node)
    kind = type(node).__name__
    if kind in OLD_CONSTANTS:
        return f"Constant({ascii(getattr(node, OLD_CONSTANTS[kind]))})"
    if kind == "Ellipsis":
        return f"Constant({ascii(...)})"
    if kind == "Index":
        return _written(node.value)
    if kind == "ExtSlice":
        return f"Tuple(elts={_written(node.dims)}, ctx=Load())"
    fields = [(name, getattr(node, name, None)) for name in node._fields]
    return (
        kind + "(" + ", ".join(f"{name}={_written(value)}" for name, value in fields if value not in (None, [])) + ")"
    )
