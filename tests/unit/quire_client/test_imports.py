import ast
import sys
from pathlib import Path

import quire_client

ALLOWED = {"quire", "quire_client", "grpc", "google"}


def test_quire_client_imports_nothing_of_the_services_when_it_is_installed_alone() -> None:
    root = Path(quire_client.__file__).parent
    for path in root.rglob("*.py"):
        allowed = ALLOWED | {"rich"} if "command" in path.parts else ALLOWED
        assert _imported(path) <= allowed | sys.stdlib_module_names, path


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | named}
