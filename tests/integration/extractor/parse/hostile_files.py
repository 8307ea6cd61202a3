"""Files that mean harm, made when they are needed: small, whatever they would grow to."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping

MIB = 1 << 20
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = b"BT /F1 12 Tf 50 700 Td (Hello) Tj ET "


def pdf_of(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """Objects numbered from 1, the first the catalogue; without a cross-reference table: PDFium builds its own."""
    numbered = [b"%d 0 obj\n%b\nendobj\n" % item for item in enumerate(objects, start=1)]
    end = b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n0\n%%%%EOF\n" % (len(numbered) + 1, trailer)
    return b"%PDF-1.5\n" + b"".join(numbered) + end


def pdf(
    stream: bytes = b"",
    *,
    catalogue: bytes = b"",
    page: bytes = b"",
    box: bytes = b"0 0 612 792",
    more: Iterable[bytes] = (),
) -> bytes:
    """One page that says Hello unless another stream (object 5) is given; `more` objects begin with 6."""
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R%b>>" % catalogue,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Resources<</Font<</F1 4 0 R>>>>/Contents 5 0 R%b>>" % (box, page),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            stream or stream_of(DRAWING),
            *more,
        ]
    )


def stream_of(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(content), entries, content)


def filtered(content: bytes, *filters: bytes) -> bytes:
    return stream_of(content, b"/Filter[%b]" % b"".join(b"/" + name for name in filters))


def flated(megabytes: int, begin: bytes = DRAWING) -> bytes:
    """A first word, then so many MiB of blanks, deflated."""
    press = zlib.compressobj(9)
    return press.compress(begin) + b"".join(press.compress(b" " * MIB) for _ in range(megabytes)) + press.flush()


def lzw_bomb() -> bytes:
    """Blanks by LZW: after 255 codes each stands for 255 of them; packed with Flate once more."""
    codes = [256, *[32 if step == 0 else 257 + step for step in range(250)]]
    block = "".join(f"{code:09b}" for code in codes)
    block += "0" * (-len(block) % 8)
    packed = int(block, 2).to_bytes(len(block) // 8, "big")
    return pdf(filtered(zlib.compress(packed * 40_000, 9), b"FlateDecode", b"LZWDecode"))


def run_length_bomb() -> bytes:
    """Runs of 128 blanks, packed twice."""
    runs = zlib.compress(zlib.compress(b"\x81 " * (8 * MIB), 9), 9)
    return pdf(filtered(runs, b"FlateDecode", b"FlateDecode", b"RunLengthDecode"))


def many_pages(count: int) -> bytes:
    """One page named so many times."""
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count %d/Kids[%b]>>" % (count, b"3 0 R " * count),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
        ]
    )


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def docx(body: str, parts: Mapping[str, bytes] | None = None) -> bytes:
    """A minimal file around the given body XML."""
    main = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": main.encode(), **(parts or {})})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def overlapping_zip() -> bytes:
    """A thousand names for one member, as in Fifield's flat bomb; each alone is of a size that passes."""
    content = docx(paragraph("a"), {"word/media/a": bytes(MIB)})
    start = content.index(b"PK\x01\x02")
    directory, end = content[start : content.rindex(b"PK\x05\x06")], content[content.rindex(b"PK\x05\x06") :]
    last = directory[directory.rindex(b"PK\x01\x02") :]
    grown = directory + last * 400
    count = int.from_bytes(end[8:10], "little") + 400
    closing = end[:8] + count.to_bytes(2, "little") * 2 + len(grown).to_bytes(4, "little") + end[16:]
    return content[:start] + grown + closing


def slippery_docx(target: str) -> bytes:
    """Members whose names lead elsewhere, one of them a symbolic link."""
    stream = io.BytesIO(docx(paragraph("plain text"), {"../../../../tmp/slipped": b"x", "/tmp/slipped": b"x"}))
    with zipfile.ZipFile(stream, "a") as archive:
        link = zipfile.ZipInfo("word/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return stream.getvalue()


def nested_zip(depth: int) -> bytes:
    """An archive of ten archives of ten …, like 42.zip."""
    content = zlib.compress(bytes(MIB))
    for _ in range(depth):
        content = zipped({f"{number}.zip": content for number in range(10)})
    return content


def deep_multiparts(depth: int) -> bytes:
    """A mail whose parts hold parts."""
    head = b"From: a@b.c\nTo: d@e.f\nSubject: deep\nMIME-Version: 1.0\n"
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number) for number in range(depth)
    )
    return head + opening + b"Content-Type: text/plain\n\ncore\n"
