from datetime import timedelta

import pytest

from quire_client.command.parser import build_parser

COMMANDS = ["submit", "list", "show", "watch", "documents", "results", "cancel", "retry", "limits", "errors"]
ADMIN_COMMANDS = [
    *["create-tenant", "list-tenants", "set-tier", "create-key", "list-keys", "revoke-key"],
    *["dead-letters", "replay", "queues"],
]


@pytest.mark.parametrize("command", COMMANDS + [f"admin {name}" for name in ADMIN_COMMANDS])
def test_help_of_a_command_shows_examples_when_asked(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args([*command.split(), "--help"])

    assert f"examples:\n  quire {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "duration"), [("90s", timedelta(seconds=90)), ("1.5h", timedelta(hours=1.5)), ("7d", timedelta(days=7))]
)
def test_deadline_is_read_when_it_has_a_unit(text: str, duration: timedelta) -> None:
    arguments = build_parser().parse_args(["submit", "pile", "--prompt", "x", "--deadline", text])

    assert arguments.deadline == duration


@pytest.mark.parametrize("wrong", [["--deadline", "soon"], ["--request-id", "7"], ["--prompt-file", "x"]])
def test_submit_is_refused_when_an_option_makes_no_sense(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        build_parser().parse_args(["submit", "pile", "--prompt", "x", *wrong])

    assert refusal.value.code == 2
