"""Files that mean harm, through the real cage: each ends in text or in its code, and reaches nothing outside."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.cage import Cage
from extractor.parse.limits import ParseLimits
from tests.integration.extractor.parse.hostile_files import (
    DRAWING,
    MIB,
    deep_multiparts,
    docx,
    filtered,
    flated,
    lzw_bomb,
    many_pages,
    nested_zip,
    overlapping_zip,
    paragraph,
    pdf,
    pdf_of,
    run_length_bomb,
    slippery_docx,
    stream_of,
    zipped,
)

LIMITS = ParseLimits(memory_bytes=512 * MIB, cpu_seconds=10)
ACTIVE = ("ACTIVE_CONTENT_IGNORED",)


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage(1)
    yield cage
    await cage.close()


async def read(cage: Cage, folder: Path, content: bytes, name: str = "x") -> ParsedDocument:
    path = folder / "file"
    path.write_bytes(content)
    return await cage.parse(path, name, LIMITS)


async def code_of(cage: Cage, folder: Path, content: bytes, name: str = "x") -> FailureCode:
    with pytest.raises(DocumentFault) as caught:
        await read(cage, folder, content, name)
    return caught.value.code


@pytest.mark.catalogue("C01")
@pytest.mark.parametrize(
    "content", [b"MZ" + bytes(200), b"\x7fELF" + bytes(200), nested_zip(1), b"<svg xmlns='x'><script/></svg>"]
)
async def test_a_file_that_is_not_what_its_name_says_is_unsupported(cage: Cage, tmp_path: Path, content: bytes) -> None:
    assert await code_of(cage, tmp_path, content, "invoice.pdf") is FailureCode.UNSUPPORTED_TYPE


@pytest.mark.catalogue("C01")
async def test_a_file_of_two_types_is_read_as_the_first_alone(cage: Cage, tmp_path: Path) -> None:
    both = pdf() + zipped({"word/document.xml": b"<script>alert(1)</script>", "evil.js": b"x"})
    assert (await read(cage, tmp_path, both, "x.docx")).media_type == "application/pdf"
    page = b"<html><script>evil()</script><p>seen %PDF-1.4</p>" + b"<br> " * 2_000 + b"</html>" + nested_zip(1)
    document = await read(cage, tmp_path, page, "x.pdf")
    assert document.media_type == "text/html"
    assert "evil" not in document.pages[0].text


@pytest.mark.catalogue("C03")
async def test_a_password_is_named_as_such_whatever_the_file_is(cage: Cage, tmp_path: Path) -> None:
    ods = {
        "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": b"<manifest><file-entry><encryption-data/></file-entry></manifest>",
        "content.xml": b"\xff",
    }
    locked = bytearray(docx(paragraph("a")))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    sheet = bytearray(zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}))
    sheet[sheet.index(b"PK\x01\x02") + 8] |= 1
    for content in (zipped(ods), bytes(locked), bytes(sheet)):
        assert await code_of(cage, tmp_path, content) is FailureCode.PDF_ENCRYPTED


def loops() -> list[bytes]:
    """Cross-references and trees that point in circles or nowhere."""
    catalogue, font = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer<</Size 9/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n"
    return [
        b"%PDF-1.5\n" + table,
        b"%PDF-1.5\n" + table.replace(b"/Prev 9", b"/Prev 9/XRefStm 9") * 3,
        pdf_of([catalogue, b"<</Type/Pages/Kids[2 0 R]/Count 1>>"]),
        pdf_of(
            [catalogue, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Pages/Kids[2 0 R]/Parent 2 0 R/Count 1>>"]
        ),
        pdf_of([catalogue, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", b"3 0 R", font]),
        b"%PDF-1.5\ntrailer<</Size 2147483647>>\nstartxref\n0\n%%EOF\n",
        b"%PDF-1.5\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n",
        pdf(b"<</Length 5 0 R>>\nstream\nx\nendstream"),
        pdf()[:200],
    ]


@pytest.mark.catalogue("C02")
@pytest.mark.parametrize("number", range(9))
async def test_a_pdf_that_points_in_circles_ends_in_a_code(cage: Cage, tmp_path: Path, number: int) -> None:
    found = await code_of(cage, tmp_path, loops()[number])
    assert found in {FailureCode.FILE_CORRUPT, FailureCode.NO_TEXT, FailureCode.TOO_MANY_PAGES}


def twice_flated() -> bytes:
    return pdf(filtered(zlib.compress(flated(700), 9), b"FlateDecode", b"FlateDecode"))


@pytest.mark.catalogue("C04")
@pytest.mark.parametrize("bomb", [lzw_bomb, run_length_bomb, twice_flated])
async def test_a_bomb_of_any_filter_never_becomes_text(cage: Cage, tmp_path: Path, bomb: Callable[[], bytes]) -> None:
    content = bomb()
    assert len(content) < 2 * MIB
    assert await code_of(cage, tmp_path, content) in {FailureCode.RESOURCE_LIMIT, FailureCode.NO_TEXT}


@pytest.mark.catalogue("C05")
async def test_a_hundred_thousand_pages_are_too_many(cage: Cage, tmp_path: Path) -> None:
    assert await code_of(cage, tmp_path, many_pages(100_000)) is FailureCode.TOO_MANY_PAGES


@pytest.mark.catalogue("C05", "C06")
async def test_what_would_only_be_painted_costs_nothing(cage: Cage, tmp_path: Path) -> None:
    image = b"/Type/XObject/Subtype/Image/Width 50000/Height 50000/BitsPerComponent 8/ColorSpace/DeviceRGB"
    bomb = stream_of(flated(300, b""), image + b"/Filter/FlateDecode")
    drawn = stream_of(DRAWING + b"q 9 0 0 9 0 0 cm /I Do Q")
    files = [
        pdf(box=b"0 0 14400 14400"),
        pdf(box=b"0 0 1000000000 1000000000"),
        pdf(drawn, page=b"/Resources<</XObject<</I 6 0 R>>/Font<</F1 4 0 R>>>>", more=[bomb]),
        pdf(more=[b"<</N %d>>" % number for number in range(200_000)]),
    ]
    for content in files:
        assert "Hello" in (await read(cage, tmp_path, content)).pages[0].text


@pytest.mark.catalogue("C06")
@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8 + flated(50, b""),
        b"II*\0\x08\0\0\0" + b"\xff" * 500,
        b"GIF89a\xff\xff\xff\xff" + b"!\xf9\x04" * 100_000,
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(500),
        b"\xff\xd8\xff\xe0" + b"\xff\xda" * 1_000,
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(500),
    ],
)
async def test_an_image_is_unsupported_before_anything_of_it_is_unpacked(
    cage: Cage, tmp_path: Path, content: bytes
) -> None:
    assert await code_of(cage, tmp_path, content, "scan.png") is FailureCode.UNSUPPORTED_TYPE


@pytest.mark.catalogue("C07")
async def test_archives_are_refused_or_bounded(cage: Cage, tmp_path: Path) -> None:
    many = {f"word/media/{number}": b"" for number in range(65_000)}
    assert await code_of(cage, tmp_path, nested_zip(4), "42.zip") is FailureCode.UNSUPPORTED_TYPE
    assert await code_of(cage, tmp_path, overlapping_zip()) is FailureCode.RESOURCE_LIMIT
    assert await code_of(cage, tmp_path, docx(paragraph("a"), many)) is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C07")
@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_names_in_an_archive_lead_nowhere(cage: Cage, tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("CANARY")
    document = await read(cage, tmp_path, slippery_docx(str(target)))
    assert "plain text" in document.pages[0].text
    assert "CANARY" not in str(document)
    assert not await asyncio.to_thread(Path("/tmp/slipped").exists)


@pytest.mark.catalogue("C08")
@pytest.mark.parametrize(
    "entity",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE x PUBLIC "-//X" "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY e "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
async def test_entities_are_refused_in_every_part(cage: Cage, tmp_path: Path, entity: str) -> None:
    evil = f'<?xml version="1.0"?>{entity}<R>&e;</R>'.encode()
    for part in ("word/_rels/document.xml.rels", "word/header1.xml", "docProps/core.xml", "customXml/item1.xml"):
        assert await code_of(cage, tmp_path, docx(paragraph("a"), {part: evil})) is FailureCode.ACTIVE_CONTENT
    assert await code_of(cage, tmp_path, docx(paragraph("a"), {"xl/x.xml": evil})) is FailureCode.ACTIVE_CONTENT


@pytest.mark.catalogue("C08")
async def test_fields_that_would_run_something_are_passed_over(cage: Cage, tmp_path: Path) -> None:
    field = '<w:p><w:r><w:instrText>DDEAUTO c:\\\\windows\\\\cmd "/c calc"</w:instrText></w:r></w:p>'
    link = '<R><Relationship Type="http://x/{}" Target="http://127.0.0.1:9/x" TargetMode="External"/></R>'
    for kind in ("attachedTemplate", "oleObject", "image", "frame", "subDocument"):
        rels = {"word/_rels/document.xml.rels": link.format(kind).encode()}
        document = await read(cage, tmp_path, docx(field + paragraph("seen"), rels))
        assert (document.pages[0].text.split(), document.warnings) == (["seen"], ACTIVE)
    plain = await read(cage, tmp_path, docx(field + paragraph("seen")))
    assert (plain.pages[0].text.split(), plain.warnings) == (["seen"], ACTIVE)


@pytest.mark.catalogue("C10")
@pytest.mark.parametrize(
    "content",
    [
        pdf(catalogue=b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"),
        pdf(catalogue=b"/OpenAction<</S/Launch/F(cmd.exe)>>"),
        pdf(page=b"/AA<</O<</S/JavaScript/JS(x)>>>>"),
        pdf(page=b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/Launch/F(cmd.exe)>>>>]"),
        pdf(page=b"/Annots[<</Type/Annot/Subtype/RichMedia/Rect[0 0 9 9]>>]"),
        pdf(catalogue=b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(x)>>]>>>>"),
        pdf(catalogue=b"/OpenAction<</S/J#61vaScript/JS(x)>>"),
        docx(paragraph("Hello"), {"word/vbaProject.bin": b"x"}),
        docx(paragraph("Hello"), {"word/embeddings/oleObject1.bin": b"x", "word/activeX/activeX1.xml": b"<x/>"}),
    ],
    ids=["open script", "open launch", "page script", "link launch", "media", "names", "spelled", "macro", "activeX"],
)
async def test_what_would_run_is_ignored_and_flagged(cage: Cage, tmp_path: Path, content: bytes) -> None:
    document = await read(cage, tmp_path, content)
    assert "Hello" in document.pages[0].text
    assert document.warnings == ACTIVE


@pytest.mark.catalogue("C11")
async def test_a_page_fetches_nothing_and_shows_its_text_alone(cage: Cage, tmp_path: Path) -> None:
    page = (
        b"<!doctype html><html><head><base href='file:///etc/'><link rel=stylesheet href='http://127.0.0.1:9/a.css'>"
        b"<script src='http://127.0.0.1:9/a.js'></script><style>@import 'http://127.0.0.1:9/b.css'</style></head><body>"
        b"<img src='http://127.0.0.1:9/a.png' alt='a picture'><iframe src='file:///etc/passwd'>in the frame</iframe>"
        b"<object data='file:///etc/passwd'></object><script>document.write('CANARY')</script><p>seen</p></body></html>"
    )
    text = (await read(cage, tmp_path, page)).pages[0].text
    assert "seen" in text
    assert not [word for word in ("CANARY", "root:", "@import", "document.write") if word in text]


@pytest.mark.catalogue("C12")
async def test_a_mail_of_parts_in_parts_in_parts_ends_in_text_or_in_a_code(cage: Cage, tmp_path: Path) -> None:
    assert await code_of(cage, tmp_path, deep_multiparts(5_000)) is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C14")
async def test_a_line_longer_than_all_text_may_be_is_refused(cage: Cage, tmp_path: Path) -> None:
    for begin in (b"", b"a,b\n1,"):
        long = begin + b"x" * (40 * MIB)
        assert await code_of(cage, tmp_path, long, "x.csv") is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C14")
async def test_text_in_mixed_encodings_is_read_with_a_flag(cage: Cage, tmp_path: Path) -> None:
    mixed = "Grüße, €".encode() + b"\n" + "Köln".encode("latin-1") + b"\n\0end\n" + "注文".encode()
    document = await read(cage, tmp_path, mixed, "x.txt")
    assert "end" in document.pages[0].text
    assert "TEXT_REPLACED" in document.warnings


@pytest.mark.catalogue("C15")
async def test_letters_of_every_script_stay_as_they_are(cage: Cage, tmp_path: Path) -> None:
    texts = [
        "فاتورة رقم ٤٢",
        "請求書 合計 千二百",
        "in\u200bvis\u2060ible",
        "Аррle (Cyrillic)",
        "\ue000 private",
        "e\u0301",
    ]
    document = await read(cage, tmp_path, "\n".join(texts).encode(), "x.txt")
    assert document.pages[0].text.splitlines() == texts


@pytest.mark.catalogue("C19")
async def test_random_streams_and_fonts_end_in_text_or_in_a_code(cage: Cage, tmp_path: Path) -> None:
    dice = random.Random(11)
    words = [b"BT", b"ET", b"Tj", b"q", b"Q", b"/F1", b"Tf", b"cm", b"Do", b"(", b")", b"<", b">", b"[", b"]", b"-1e99"]
    for _ in range(60):
        drawn = b" ".join(dice.choice(words) for _ in range(dice.randrange(400)))
        font = dice.randbytes(dice.randrange(2_000))
        face = stream_of(font, b"/Length1 %d" % dice.randrange(2**31))
        described = b"/FontDescriptor<</Type/FontDescriptor/FontName/A/FontFile2 6 0 R>>/ToUnicode 6 0 R"
        content = pdf(stream_of(drawn + b" " + DRAWING), more=[face]).replace(b"/Helvetica", b"/Helvetica" + described)
        try:
            await read(cage, tmp_path, content)
        except DocumentFault as fault:
            assert fault.code not in {FailureCode.INTERNAL, FailureCode.PARSER_CRASH}  # noqa: PT017
