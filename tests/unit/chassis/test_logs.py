"""What libraries may say in our logs."""

import logging
from dataclasses import dataclass

from chassis.logs import WithoutContents


@dataclass
class Message:
    body: bytes


def said(text: str, *args: object) -> str:
    record = logging.LogRecord("aiormq.channel", logging.ERROR, "channel.py", 525, text, args, None)
    assert WithoutContents().filter(record)
    return record.getMessage()


def test_a_message_that_a_library_prints_whole_is_named_and_not_shown() -> None:
    assert said("Unhandled message %r returning", Message(b"Acme payroll")) == "Unhandled message 'Message' returning"


def test_all_else_that_a_library_says_stays() -> None:
    assert said("closing %r after %d s: %s", "channel 1", 5, OSError("gone")) == "closing 'channel 1' after 5 s: gone"
    assert said("nothing to say") == "nothing to say"
