import io
import zipfile

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.sniff import Kind, sniff
from extractor.parse.sniff_text import TextKind
from extractor.parse.source import Source


def fault_of(content: bytes, name: str = "file.pdf") -> DocumentFault:
    with pytest.raises(DocumentFault) as caught:
        sniff(Source(name, content))
    return caught.value


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def test_sniff_says_empty_when_there_are_no_bytes() -> None:
    assert fault_of(b"").code is FailureCode.FILE_EMPTY


@pytest.mark.catalogue("C01", "C06", "C11", "H03")
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"MZ" + bytes(200), "Windows program"),
        (b"\x7fELF" + bytes(200), "Linux program"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG image"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "JPEG image"),
        (b"{\\rtf1 hello}", "RTF document"),
        (b"%!PS-Adobe-3.0\n", "PostScript"),
        (b"\x1f\x8b\x08" + bytes(200), "compressed archive"),
        (bytes(range(256)) * 20, "binary data"),
        (b'<?xml version="1.0"?><invoice/>', "XML document"),
        (b'<svg xmlns="x"><script/></svg>', "XML document"),
        (zipped("a.txt"), "ZIP archive"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "PowerPoint presentation"),
        (zipped("META-INF/MANIFEST.MF"), "Java program"),
    ],
)
def test_sniff_names_what_it_found_and_the_remedy_when_the_type_is_foreign(content: bytes, found: str) -> None:
    fault = fault_of(content)
    assert fault.code is FailureCode.UNSUPPORTED_TYPE
    assert found in fault.message
    assert "upload" in fault.message


@pytest.mark.catalogue("C01")
def test_sniff_trusts_the_bytes_when_a_program_is_named_pdf_and_holds_a_pdf_header() -> None:
    assert "Windows program" in fault_of(b"MZ" + bytes(58) + b"\n%PDF-1.4\n%%EOF").message


@pytest.mark.catalogue("C01")
def test_sniff_takes_the_first_type_when_a_pdf_is_also_a_zip() -> None:
    assert sniff(Source("x.zip", b"%PDF-1.4\n" + zipped("a.txt"))) is Kind.PDF


def test_sniff_finds_a_pdf_when_junk_stands_before_its_header() -> None:
    assert sniff(Source("x", b"junk\n%PDF-1.4\n1 0 obj\nstartxref\n0\n%%EOF")) is Kind.PDF


def test_sniff_takes_a_text_for_text_when_it_only_speaks_of_pdf() -> None:
    assert sniff(Source("x.txt", b"A file begins with\n%PDF-1.4\nand then goes on.")) is TextKind.PLAIN


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x", b"<!DOCTYPE html><p>Hi", TextKind.HTML),
        ("x.txt", b"<!-- note --><html><body>", TextKind.HTML),
        ("x", b"<div>Hi</div>", TextKind.HTML),
        ("x.md", b"<p align=center>Readme</p>\n# Title", TextKind.MARKDOWN),
        ("x", b"Received: by mx\nFrom: a@b.c\n\nHi", TextKind.EML),
        ("x.txt", b"From: me\nTo: you\nDate: today\n\nMemo", TextKind.PLAIN),
        ("x", b"From: me\nSubject: you\n\nMemo", TextKind.EML),
        ("x", b'{"a": 1}', TextKind.JSON),
        ("x.pdf", b'\n [{"a": 1}]', TextKind.JSON),
        ("x", b'{"a": 1}\n{"a": 2}\n', TextKind.NDJSON),
        ("x.json", b"12", TextKind.JSON),
        ("x.ini", b"[section]\na=1", TextKind.PLAIN),
        ("x", b"a;b\n1;2\n3;4\n", TextKind.CSV),
        ("x", b"a\tb\n1\t2\n", TextKind.TSV),
        ("x.csv", b"one column", TextKind.CSV),
        ("x", b"Dear Sir, thank you.\nYours, me, and others\n", TextKind.PLAIN),
        ("x", "naïve".encode("utf-16"), TextKind.PLAIN),
        ("x", "naïve text".encode("utf-16-le"), TextKind.PLAIN),
    ],
)
def test_sniff_tells_kinds_of_text_apart(name: str, content: bytes, kind: TextKind) -> None:
    assert sniff(Source(name, content)) is kind


def test_sniff_asks_for_a_new_format_when_a_word_document_is_an_old_one() -> None:
    fault = fault_of(ole("WordDocument"), "old.docx")
    assert fault.code is FailureCode.UNSUPPORTED_TYPE
    assert "DOCX" in fault.message


@pytest.mark.catalogue("C03")
def test_sniff_says_encrypted_when_an_office_file_is_wrapped_for_a_password() -> None:
    assert fault_of(ole("EncryptedPackage"), "x.docx").code is FailureCode.PDF_ENCRYPTED


def test_sniff_survives_when_an_ole_directory_points_in_circles() -> None:
    assert fault_of(ole("Nothing", next_sector=1), "x.doc").code is FailureCode.UNSUPPORTED_TYPE


def test_sniff_says_unsupported_when_an_ole_header_is_cut_off() -> None:
    assert fault_of(ole("WordDocument")[:100]).code is FailureCode.UNSUPPORTED_TYPE


def ole(stream_name: str, next_sector: int = 0xFFFFFFFE) -> bytes:
    """A compound file of three sectors: header, FAT, directory with one entry."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = (9).to_bytes(2, "little")
    header[48:52] = (1).to_bytes(4, "little")
    header[68:72] = (0xFFFFFFFE).to_bytes(4, "little")
    header[76:] = b"\0\0\0\0" + b"\xff" * (512 - 80)
    fat = (0xFFFFFFFD).to_bytes(4, "little") + next_sector.to_bytes(4, "little") + b"\xff" * 504
    name = stream_name.encode("utf-16-le")
    entry = name.ljust(64, b"\0") + (len(name) + 2).to_bytes(2, "little") + bytes(62)
    return bytes(header) + fat + entry.ljust(512, b"\0")
