from email.message import EmailMessage

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source


def letter(body: str = "Please pay 12 EUR.", subtype: str = "plain") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Jörg Müller <jm@example.com>"
    message["To"] = "ap@example.com"
    message["Date"] = "Fri, 02 Jan 2026 10:00:00 +0100"
    message["Subject"] = "Überweisung"
    message["Message-ID"] = "<1@example.com>"
    message.set_content(body, subtype=subtype)
    return message


def read(message: EmailMessage | bytes) -> ParsedDocument:
    content = message if isinstance(message, bytes) else message.as_bytes()
    return parse(Source("x.eml", content), ParseLimits())


def test_mail_begins_with_its_headers() -> None:
    document = read(letter())
    assert document.media_type == "message/rfc822"
    assert document.pages[0].text == (
        "From: Jörg Müller <jm@example.com>\nTo: ap@example.com\nDate: Fri, 02 Jan 2026 10:00:00 +0100\n"
        "Subject: Überweisung\n\nPlease pay 12 EUR.\n"
    )


def test_mail_shows_its_html_when_it_has_no_plain_body() -> None:
    page = read(letter("<p>Total <b>12</b></p><table><tr><td>a<td>b</table>", "html")).pages[0]
    assert page.text.endswith("\n\nTotal 12\na\tb\n")
    assert page.tables == ((("a", "b"),),)


def test_mail_prefers_the_plain_body_when_it_has_both() -> None:
    message = letter()
    message.add_alternative("<p>Other words</p>", subtype="html")
    document = read(message)
    assert "Please pay" in document.pages[0].text
    assert "Other words" not in "".join(page.text for page in document.pages)


def test_mail_adds_the_pages_of_attachments_and_names_those_it_cannot_read() -> None:
    message = letter()
    message.add_attachment("a,b\n1,2\n", subtype="csv", filename="rows.csv")
    message.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(50), maintype="image", subtype="png", filename="logo.png")
    document = read(message)
    assert [page.number for page in document.pages] == [1, 2]
    assert document.pages[0].text.endswith("Attachment: rows.csv\nAttachment: logo.png\n")
    assert document.pages[1].tables == ((("a", "b"), ("1", "2")),)
    assert document.warnings == ("ATTACHMENT_SKIPPED",)


def test_mail_reads_the_message_it_forwards() -> None:
    message = letter()
    message.add_attachment(letter("Inner words"))
    assert "Inner words" in read(message).pages[1].text


@pytest.mark.catalogue("C12")
def test_mail_is_refused_when_messages_nest_too_deeply() -> None:
    message = letter("core")
    for _ in range(12):
        outer = letter()
        outer.add_attachment(message)
        message = outer
    with pytest.raises(DocumentFault) as caught:
        read(message)
    assert caught.value.code is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C12")
def test_mail_is_refused_when_messages_nest_a_thousand_deep() -> None:
    wrapper = b"From: a@b.c\nTo: d@e.f\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n"
    with pytest.raises(DocumentFault) as caught:
        read(wrapper * 1000 + b"From: a@b.c\nTo: d@e.f\n\ncore")
    assert caught.value.code is FailureCode.RESOURCE_LIMIT


def test_mail_is_read_when_a_header_breaks_the_grammar_and_the_charset_is_unknown() -> None:
    document = read(
        b"From: =?no-such?q?=ff?= <a@[b>\nTo: undisclosed:;\nSubject: =?utf-8?b?broken\nDate: yesterday\n"
        b"Message-ID: <[x]>\nContent-Type: text/plain; charset=no-such\n\nGr\xfc\xdfe aus K\xf6ln"
    )
    assert "Grüße aus Köln" in document.pages[0].text
    assert "Date: yesterday" in document.pages[0].text


def test_mail_keeps_its_text_when_a_multipart_has_no_boundary() -> None:
    document = read(b"From: a@b.c\nTo: d@e.f\nMIME-Version: 1.0\nContent-Type: multipart/mixed\n\nstill here")
    assert document.pages[0].text.startswith("From: a@b.c")
    assert "still here" in "".join(page.text for page in document.pages)
