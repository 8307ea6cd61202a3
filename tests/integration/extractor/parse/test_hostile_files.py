import asyncio
import io
import random
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.cage import Cage
from extractor.parse.limits import MIB, ParseLimits

canvas: Any = import_module("reportlab.pdfgen.canvas")
openpyxl: Any = import_module("openpyxl")
new_document: Any = import_module("docx").Document

DRAWING = b"BT /F1 12 Tf 50 700 Td (Hello) Tj ET "


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage(2)
    yield cage
    await cage.close()


def pdf(contents: bytes, stream: bytes) -> bytes:
    """One page that draws `stream` (object 5), without a cross-reference table: PDFium builds its own."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 4 0 R>>>>/Contents %b>>" % contents,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        stream,
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, part) for number, part in enumerate(objects, start=1))
    return b"%PDF-1.5\n" + body + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n0\n%%EOF\n"


def stream_of(content: bytes, filters: bytes) -> bytes:
    return b"<</Length %d/Filter%b>>\nstream\n%b\nendstream" % (len(content), filters, content)


def flate_bomb() -> bytes:
    """2.4 KiB that inflate, twice, to 1 GiB of blanks after a first word."""
    press = zlib.compressobj(9)
    inner = press.compress(DRAWING) + b"".join(press.compress(b" " * MIB) for _ in range(1024)) + press.flush()
    return pdf(b"5 0 R", stream_of(zlib.compress(inner, 9), b"[/FlateDecode/FlateDecode]"))


def repeated_content() -> bytes:
    return pdf(b"[" + b"5 0 R " * 600 + b"]", stream_of(zlib.compress(b" " * 2 * MIB), b"/FlateDecode"))


def unbalanced_states() -> bytes:
    return pdf(b"5 0 R", stream_of(zlib.compress(b"q " * 20 * MIB), b"/FlateDecode"))


def far_apart_cells() -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.cell(1, 1, "a")
    workbook.active.cell(1_048_576, 16_384, "b")
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def lying_archive() -> bytes:
    """A workbook whose directory says that 1 GiB of sheet is 10 bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook><sheets/></workbook>")
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=False) as part:
            part.write(b"<sst><si><t>")
            for _ in range(256):
                part.write(b"x" * MIB)
            part.write(b"</t></si></sst>")
    content = bytearray(stream.getvalue())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    return bytes(content)


@pytest.mark.catalogue("C04", "C09")
@pytest.mark.parametrize("bomb", [flate_bomb, repeated_content, unbalanced_states, far_apart_cells])
async def test_a_bomb_ends_as_a_resource_limit(cage: Cage, tmp_path: Path, bomb: Callable[[], bytes]) -> None:
    assert await ended(cage, tmp_path, bomb(), "bomb") is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C07", "C09")
async def test_an_archive_that_lies_about_its_sizes_is_refused(cage: Cage, tmp_path: Path) -> None:
    outcome = await ended(cage, tmp_path, lying_archive(), "lie.xlsx")
    assert outcome in {FailureCode.RESOURCE_LIMIT, FailureCode.FILE_CORRUPT}


@pytest.mark.catalogue("C02", "C19")
async def test_every_mutation_of_a_sound_file_ends_in_text_or_in_a_code(cage: Cage, tmp_path: Path) -> None:
    dice = random.Random(7)
    files = [mutated(sound, dice) for sound in (sound_pdf(), sound_docx(), sound_xlsx(), MAIL) for _ in range(30)]
    outcomes = await asyncio.gather(*(ended(cage, tmp_path, file, f"{n}") for n, file in enumerate(files)))
    assert not {FailureCode.INTERNAL, FailureCode.PARSER_CRASH} & set(outcomes)
    assert None in outcomes


async def ended(cage: Cage, folder: Path, content: bytes, name: str) -> FailureCode | None:
    """The code the file failed with; none when it was read, and then it must have text."""
    path = folder / name
    path.write_bytes(content)
    try:
        document = await cage.parse(path, name, ParseLimits(memory_bytes=512 * MIB, cpu_seconds=10))
    except DocumentFault as fault:
        return fault.code
    assert any(page.text.strip() for page in document.pages)
    return None


def mutated(content: bytes, dice: random.Random) -> bytes:
    mutant = bytearray(content)
    start = dice.randrange(len(mutant))
    match dice.choice(["cut", "delete", "flip", "insert", "blank"]):
        case "cut":
            del mutant[start:]
        case "delete":
            del mutant[start : start + dice.randrange(1, 300)]
        case "flip":
            for _ in range(dice.randrange(1, 60)):
                mutant[dice.randrange(len(mutant))] = dice.randrange(256)
        case "insert":
            mutant[start:start] = dice.randbytes(200)
        case _:
            mutant[start : start + 200] = bytes(200)
    return bytes(mutant)


def sound_pdf() -> bytes:
    stream = io.BytesIO()
    paper = canvas.Canvas(stream)
    for line in range(20):
        paper.drawString(50, 750 - 20 * line, f"line {line} of the invoice")
    paper.save()
    return stream.getvalue()


def sound_docx() -> bytes:
    document = new_document()
    document.add_paragraph("An order")
    document.add_table(rows=2, cols=2).cell(0, 0).text = "cell"
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def sound_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    for row in range(20):
        workbook.active.append(["row", row, row / 7])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


MAIL = (
    b"From: =?utf-8?b?SsO2cmc=?= <a@b.c>\nTo: d@e.f\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\nMIME-Version: 1.0\n"
    b"Message-ID: <1@b.c>\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html; charset=utf-8\n"
    b"Content-Transfer-Encoding: quoted-printable\n\n<p>Total =E2=82=AC 12</p>\n--x\nContent-Type: text/csv\n"
    b'Content-Disposition: attachment; filename="a.csv"\nContent-Transfer-Encoding: base64\n\nYSxiCjEsMgo=\n--x--\n'
)
