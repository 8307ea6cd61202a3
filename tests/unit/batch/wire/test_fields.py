"""Fields of a call: each faulty one is named, and a display name carries nothing but text."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.wire.fields import Violations, batch_id
from chassis.errors import CallError, CallReason

IDENTIFIER = "0193a5f0-7b7a-7cc3-8000-000000000001"


def refusal_of(violations: Violations) -> dict[str, str]:
    with pytest.raises(CallError) as refused:
        violations.check()
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.reason == CallReason.FIELD_INVALID
    return dict(refused.value.violations)


@pytest.mark.catalogue("H12")
@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("/absolute/a.pdf", "a.pdf"),
        ("C:\\scans\\a.pdf", "a.pdf"),
        ("a\x00b\x07c\x1bd.pdf", "abcd.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("\u2066a\u2069\u200f\u061cb\u2028c", "abc"),
        ("a\x85b\x9fc", "abc"),
        ("  spaced.pdf ", "spaced.pdf"),
        ("Rechnung März 📄.pdf", "Rechnung März 📄.pdf"),
        ("<script>.pdf", "<script>.pdf"),
        ("-rf", "-rf"),
    ],
)
def test_a_document_name_is_cleaned_of_paths_and_of_what_cannot_be_seen(sent: str, shown: str) -> None:
    violations = Violations()
    assert violations.document_name("name", sent) == shown
    violations.check()


@pytest.mark.catalogue("H12")
@pytest.mark.parametrize("sent", ["", " ", "\u202e", "a/", "a" * 256, "ü" * 128, "/".join("a" * 200)])
def test_a_document_name_is_refused_when_nothing_is_left_or_it_is_too_long(sent: str) -> None:
    violations = Violations()
    violations.document_name("documents[3].name", sent)
    assert list(refusal_of(violations)) == ["documents[3].name"]


def test_a_document_name_may_have_255_bytes() -> None:
    violations = Violations()
    violations.document_name("name", "a" * 255)
    violations.document_name("name", "ü" * 127)
    violations.check()


@pytest.mark.catalogue("H12")
@given(st.text(max_size=300))
def test_a_document_name_never_holds_a_path_or_a_control_character(sent: str) -> None:
    name = Violations().document_name("name", sent)
    assert "/" not in name
    assert "\\" not in name
    assert all(ord(character) >= 32 and character not in "\x7f\u202e\u2066" for character in name)


@pytest.mark.catalogue("G04")
@pytest.mark.parametrize(
    "sent",
    ["", "x", "../", "'; DROP TABLE tenants", "0" * 10_000, "\0" * 36, IDENTIFIER + " ", IDENTIFIER.replace("-", "")],
)
def test_an_id_is_refused_unless_it_is_a_uuid_of_36_characters(sent: str) -> None:
    with pytest.raises(CallError) as refused:
        batch_id(sent)
    assert list(refused.value.violations) == ["batch_id"]


def test_an_id_is_read_in_either_case() -> None:
    assert batch_id(IDENTIFIER) == batch_id(IDENTIFIER.upper())


def test_every_faulty_field_is_named_at_once_with_its_first_fault() -> None:
    violations = Violations()
    violations.uuid("batch_id", "x")
    violations.text("name", "n\0" * 200, 10)
    violations.text("extraction_prompt", " \n", 10, required=True)
    violations.within("page_size", -1, 0, 9)
    violations.sha256("sha256", "g" * 64)
    violations.output_schema("output_schema", "[]")
    assert set(refusal_of(violations)) == {
        "batch_id",
        "name",
        "extraction_prompt",
        "page_size",
        "sha256",
        "output_schema",
    }


def test_an_optional_id_may_be_left_out() -> None:
    violations = Violations()
    assert violations.uuid("request_id", "", required=False).int == 0
    violations.check()


def test_a_digest_is_read_in_either_case_or_left_out() -> None:
    violations = Violations()
    assert violations.sha256("sha256", "AB" * 32) == "ab" * 32
    assert violations.sha256("sha256", "") == ""
    violations.check()


@pytest.mark.parametrize("sent", ["ab" * 31, "ab" * 33, "ab" * 32 + "\n", "٣" * 64])
def test_a_digest_is_refused_unless_it_has_64_hex_digits(sent: str) -> None:
    violations = Violations()
    violations.sha256("sha256", sent)
    assert refusal_of(violations)
