"""What a file is, told from its bytes; its name only settles which kind of text a text is.

The signatures and container directories looked at here decide in 0.1 ms. `magika` was measured and left out: 0.8 s and
42 MB more for each child at start, 18 ms a file, and a guess where signature bytes give certainty (it called a PDF
header followed by padding plain text).
"""

import re
import zipfile
from enum import StrEnum

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse import archive, ole
from extractor.parse.decoding import bare_utf16, marked_encoding
from extractor.parse.sniff_text import TextKind, text_kind
from extractor.parse.source import Source


class Kind(StrEnum):
    """Binary formats that can be read, as their media types."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLS = "application/vnd.ms-excel"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"


_HEAD = 8192
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ASK_FOR = "convert it to PDF, DOCX, XLSX or text and upload it again"

_FOREIGN = (
    (re.compile(rb"MZ.{58}", re.DOTALL), "a Windows program"),
    (re.compile(rb"\x7fELF"), "a Linux program"),
    (re.compile(rb"\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe"), "a program"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "a PNG image"),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG image"),
    (re.compile(rb"GIF8[79]a"), "a GIF image"),
    (re.compile(rb"II\*\0|MM\0\*"), "a TIFF image"),
    (re.compile(rb"BM.{4}\0{4}", re.DOTALL), "a BMP image"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "a WebP image"),
    (re.compile(rb".{4}ftyp(hei|mif|avi)", re.DOTALL), "a HEIC or AVIF image"),
    (re.compile(rb".{4}ftyp|RIFF|ID3|OggS|\x1aE\xdf\xa3", re.DOTALL), "a sound or video file"),
    (re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf\x27\x1c|Rar!|\x28\xb5\x2f\xfd"), "a compressed archive"),
    (re.compile(rb"\{\\rtf"), "an RTF document"),
    (re.compile(rb"%!PS"), "a PostScript document"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database"),
    (re.compile(rb"PAR1"), "a Parquet file"),
)
_OLE_FOREIGN = (
    ("WordDocument", "a Word document of the old format (.doc)", "save it as DOCX or PDF and upload it again"),
    ("PowerPoint Document", "a presentation of the old format (.ppt)", "save it as PDF and upload it again"),
    ("__properties_version1.0", "an Outlook message (.msg)", "save it as EML and upload it again"),
)
_ZIP_FOREIGN = (
    ("ppt/presentation.xml", "a PowerPoint presentation", "save it as PDF and upload it again"),
    ("META-INF/container.xml", "an e-book", _ASK_FOR),
    ("META-INF/MANIFEST.MF", "a Java program", _ASK_FOR),
    ("AndroidManifest.xml", "an Android program", _ASK_FOR),
)


def sniff(source: Source) -> Kind | TextKind:
    """The kind of the file. FILE_EMPTY, UNSUPPORTED_TYPE with what was found instead, PDF_ENCRYPTED."""
    head = source.slice(0, _HEAD)
    if not head:
        raise DocumentFault(FailureCode.FILE_EMPTY, "the file is 0 bytes long")
    if head.startswith(_OLE):
        return _ole_kind(source)
    if head.startswith(_ZIP):
        return _zip_kind(source)
    for signature, found in _FOREIGN:
        if signature.match(head):
            raise unsupported(found)
    if _is_pdf(head, source):
        return Kind.PDF
    if _is_binary(head):
        raise unsupported("binary data of an unknown format")
    return text_kind(head, source.suffix)


def unsupported(found: str, remedy: str = _ASK_FOR) -> DocumentFault:
    """The fault that says what the file is and what to do about it."""
    return DocumentFault(FailureCode.UNSUPPORTED_TYPE, f"the file is {found}; {remedy}")


def _is_pdf(head: bytes, source: Source) -> bool:
    """Readers allow 1 KiB of junk before the header; the end must be a PDF's too then, or a text on PDF would match."""
    if head.startswith(b"%PDF-"):
        return True
    is_inside = re.search(rb"[\r\n\0]%PDF-\d", head[:1024]) is not None
    return is_inside and re.search(rb"startxref|%%EOF", source.slice(-2048, 2048)) is not None


def _is_binary(head: bytes) -> bool:
    """More than 5 % control characters (random bytes have 10 %), unless it is UTF-16 or UTF-32."""
    if marked_encoding(head) or bare_utf16(head):
        return False
    return len(re.findall(rb"[\0-\x07\x0e-\x1a\x1c-\x1f]", head)) > 0.05 * len(head)


def _ole_kind(source: Source) -> Kind:
    names = ole.stream_names(source)
    if "EncryptedPackage" in names:
        raise DocumentFault(FailureCode.PDF_ENCRYPTED, "the office file is protected by a password")
    if names & {"Workbook", "Book"}:
        return Kind.XLS
    for name, found, remedy in _OLE_FOREIGN:
        if name in names:
            raise unsupported(found, remedy)
    raise unsupported("an office file of an old or unknown format")


def _zip_kind(source: Source) -> Kind:
    with archive.opened(source) as opened:
        names = frozenset(opened.namelist())
        is_office = "[Content_Types].xml" in names
        kind = _office_kind(names) if is_office else _opendocument_kind(opened, names)
    if kind is not None:
        return kind
    for name, found, remedy in _ZIP_FOREIGN:
        if name in names:
            raise unsupported(found, remedy)
    raise unsupported("a ZIP archive", "unpack it and upload the files in it")


def _office_kind(names: frozenset[str]) -> Kind | None:
    if "word/document.xml" in names:
        return Kind.DOCX
    if names & {"xl/workbook.xml", "xl/workbook.bin"}:
        return Kind.XLSX
    return None


def _opendocument_kind(opened: zipfile.ZipFile, names: frozenset[str]) -> Kind | None:
    if "mimetype" not in names:
        return None
    media_type = opened.read("mimetype")[:200].decode("ascii", errors="replace").strip()
    if media_type == Kind.ODS:
        return Kind.ODS
    raise unsupported(f"of type {media_type}")
