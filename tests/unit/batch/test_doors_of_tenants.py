"""Who serves tenants works as the role that sees one tenant; operators and workers have the other."""

import ast
from pathlib import Path

import pytest

DOORS = Path(__file__).resolve().parents[3] / "services" / "batch" / "rpc"
OF_TENANTS, OF_THE_ENGINE = ("BatchService", "IntakeService"), ("AdminService", "WorkService")


def served_by(path: Path) -> str:
    """The service a door says it belongs to."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return next((name for name in (*OF_TENANTS, *OF_THE_ENGINE) if said.startswith(name)), "")


@pytest.mark.parametrize("path", sorted(DOORS.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_door_opens_transactions_of_its_own_side_only(path: Path) -> None:
    service, source = served_by(path), path.read_text("utf-8")
    assert service, f"{path.name}: the first word of a door is its service"
    foreign = ".engine()" if service in OF_TENANTS else ".tenant("
    assert foreign not in source
