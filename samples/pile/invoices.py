"""PDF invoices, each laid out in its own way."""

from samples.pile.paper import GREY, MARGIN, RIGHT, Sheet, pdf
from samples.pile.sample import Sample, facts


def brightwater() -> Sample:
    """Labels to the left of their values."""
    fields = facts("BW-2026-0142", "2026-03-14", "Brightwater Paper Ltd", "Fernhill Schools Trust", 1338.0, "GBP")
    return Sample("invoice-brightwater.pdf", pdf("Invoice BW-2026-0142", _brightwater), fields)


def _brightwater(sheet: Sheet) -> None:
    sheet.text(MARGIN, 70, "Brightwater Paper Ltd", size=17, bold=True, colour="#0f5e9c")
    sheet.block(MARGIN, 88, ["12 Harbour Road, Bristol BS1 5TY", "VAT Reg No: GB 412 7781 09"], colour=GREY)
    sheet.text(RIGHT, 70, "INVOICE", size=17, bold=True, right=True)
    labelled = [
        ("Invoice number:", "BW-2026-0142"),
        ("Invoice date:", "14 March 2026"),
        ("Due date:", "13 April 2026"),
        ("Your order:", "FST/2291"),
        ("Bill to:", "Fernhill Schools Trust"),
        ("", "Accounts Office, 3 Lime Walk, Bath BA2 4QT"),
    ]
    for number, (label, value) in enumerate(labelled):
        sheet.text(MARGIN, 140 + number * 17, label, bold=True)
        sheet.text(MARGIN + 110, 140 + number * 17, value)
    columns = [("Description", MARGIN, False), ("Qty", 340, True), ("Unit price", 430, True), ("Amount", RIGHT, True)]
    rows = [
        ("Copier paper A4, 80 g, carton of 5 reams", "40", "£18.50", "£740.00"),
        ("Exercise books, ruled, pack of 50", "12", "£24.75", "£297.00"),
        ("Delivery to three sites", "3", "£26.00", "£78.00"),
    ]
    below = sheet.table(275, columns, rows)
    for number, (label, value) in enumerate(
        [("Subtotal", "£1,115.00"), ("VAT 20%", "£223.00"), ("Total", "£1,338.00")]
    ):
        sheet.text(430, below + number * 18, label, bold=label == "Total", right=True)
        sheet.text(RIGHT, below + number * 18, value, bold=label == "Total", right=True)
    sheet.text(MARGIN, 760, "Payment within 30 days to Severn Bank, sort code 20-41-09, account 55310942.", colour=GREY)


def cascade() -> Sample:
    """Labels above their values, American dates."""
    fields = facts("30418", "2026-04-03", "Cascade Trail Outfitters, Inc.", "Pinecrest Summer Camp LLC", 4824.5, "USD")
    return Sample("invoice-cascade.pdf", pdf("Invoice 30418", _cascade), fields)


def _cascade(sheet: Sheet) -> None:
    sheet.band(0, 0, 600, 92, "#14453d")
    sheet.text(MARGIN, 58, "Cascade Trail Outfitters, Inc.", size=19, bold=True, colour="#ffffff")
    sheet.text(MARGIN, 76, "2150 NW Alder Street, Portland, OR 97210", colour="#cfe7df")
    boxes = [("INVOICE NO.", "30418"), ("INVOICE DATE", "04/03/2026"), ("DUE DATE", "05/03/2026"), ("TERMS", "Net 30")]
    for number, (label, value) in enumerate(boxes):
        x = MARGIN + number * 122
        sheet.text(x, 130, label, size=8, bold=True, colour=GREY)
        sheet.text(x, 146, value, size=11)
    sheet.text(MARGIN, 186, "BILL TO", size=8, bold=True, colour=GREY)
    sheet.block(MARGIN, 202, ["Pinecrest Summer Camp LLC", "88 Lakeview Drive", "Bend, OR 97702"])
    columns = [("Item", MARGIN, False), ("Quantity", 330, True), ("Rate", 430, True), ("Amount", RIGHT, True)]
    rows = [
        ("Two-person trail tent", "24", "$129.00", "$3,096.00"),
        ("Sleeping bag, youth", "24", "$54.50", "$1,308.00"),
        ("Camp stove", "6", "$63.75", "$382.50"),
    ]
    below = sheet.table(270, columns, rows)
    sheet.text(430, below, "Subtotal", right=True)
    sheet.text(RIGHT, below, "$4,786.50", right=True)
    sheet.text(430, below + 18, "Shipping", right=True)
    sheet.text(RIGHT, below + 18, "$38.00", right=True)
    sheet.text(MARGIN, below + 54, "TOTAL DUE", size=8, bold=True, colour=GREY)
    sheet.text(MARGIN, below + 76, "$4,824.50", size=17, bold=True)
    sheet.text(MARGIN, 760, "Questions? Call (503) 555-0148. Thank you for your business!", colour=GREY)


def lindenhof() -> Sample:
    """A German invoice: comma decimals, dates with dots."""
    fields = facts("RE-2026-118", "2026-02-05", "Lindenhof Werkzeuge GmbH", "Kaiser & Söhne KG", 1842.12, "EUR")
    return Sample("rechnung-lindenhof.pdf", pdf("Rechnung RE-2026-118", _lindenhof), fields)


def _lindenhof(sheet: Sheet) -> None:
    sheet.text(MARGIN, 70, "Lindenhof Werkzeuge GmbH", size=16, bold=True, colour="#8a1c1c")
    sheet.text(MARGIN, 86, "Gewerbepark 7 · 70565 Stuttgart · Tel. 0711 5550 120", colour=GREY)
    sheet.rule(98, colour="#8a1c1c")
    sheet.block(MARGIN, 140, ["Kunde:", "Kaiser & Söhne KG", "Einkauf", "Hauptstraße 41", "73728 Esslingen"])
    for number, (label, value) in enumerate(
        [("Rechnungsnummer:", "RE-2026-118"), ("Rechnungsdatum:", "05.02.2026"), ("Lieferdatum:", "02.02.2026")]
    ):
        sheet.text(355, 140 + number * 16, label)
        sheet.text(RIGHT, 140 + number * 16, value, right=True)
    sheet.text(MARGIN, 250, "Rechnung", size=15, bold=True)
    columns = [
        ("Pos.", MARGIN, False),
        ("Bezeichnung", 90, False),
        ("Menge", 350, True),
        ("Einzelpreis", 440, True),
        ("Gesamt", RIGHT, True),
    ]
    rows = [
        ("1", "Akku-Bohrschrauber 18 V", "6", "189,00 €", "1.134,00 €"),
        ("2", "Bit-Satz, 32-teilig", "10", "24,90 €", "249,00 €"),
        ("3", "Schutzbrille, klar", "25", "6,60 €", "165,00 €"),
    ]
    below = sheet.table(280, columns, rows)
    totals = [("Zwischensumme", "1.548,00 €"), ("zzgl. 19 % MwSt.", "294,12 €"), ("Gesamtbetrag", "1.842,12 €")]
    for number, (label, value) in enumerate(totals):
        sheet.text(355, below + number * 18, label, bold=number == 2)
        sheet.text(RIGHT, below + number * 18, value, bold=number == 2, right=True)
    sheet.text(MARGIN, 740, "Zahlbar bis 19.02.2026 ohne Abzug.", colour=GREY)
    sheet.text(MARGIN, 756, "USt-IdNr. DE 298 441 703 · IBAN DE21 6005 0101 0002 0343 04", colour=GREY)


def harrow_stone() -> Sample:
    """Two pages of lines and a total block set flush right."""
    fields = facts("HS/4471", "2026-05-29", "Harrow & Stone Interiors", "The Quayside Hotel", 12570.6, "EUR")
    return Sample("invoice-harrow-stone.pdf", pdf("Invoice HS/4471", _harrow_stone), fields)


_ROOMS = [(f"Room {101 + number}: oak wardrobe, fitted", "1", "365.00", "365.00") for number in range(28)]


def _harrow_stone(sheet: Sheet) -> None:
    columns = [("Description", MARGIN, False), ("Quantity", 350, True), ("Price", 440, True), ("Total", RIGHT, True)]
    sheet.text(RIGHT, 72, "Harrow & Stone Interiors", size=16, bold=True, right=True, colour="#5b3a1e")
    sheet.text(RIGHT, 88, "Unit 4, Old Mill, Galway, Ireland", right=True, colour=GREY)
    sheet.text(MARGIN, 72, "Invoice HS/4471", size=14, bold=True)
    sheet.text(MARGIN, 92, "Date: 29/05/2026")
    sheet.text(MARGIN, 124, "Invoice to", bold=True)
    sheet.block(MARGIN, 138, ["The Quayside Hotel", "1 Wharf Street, Cork"])
    sheet.table(190, columns, _ROOMS[:26])
    sheet.text(RIGHT, 800, "Page 1 of 2", right=True, colour=GREY)
    sheet.next()
    sheet.text(MARGIN, 60, "Invoice HS/4471, continued", bold=True)
    below = sheet.table(90, columns, _ROOMS[26:])
    for number, (label, value) in enumerate(
        [("Net amount", "10,220.00"), ("VAT at 23%", "2,350.60"), ("Amount due EUR", "12,570.60")]
    ):
        sheet.text(RIGHT - 96, below + number * 19, label, bold=number == 2, right=True)
        sheet.text(RIGHT, below + number * 19, value, bold=number == 2, right=True)
    sheet.text(RIGHT, 800, "Page 2 of 2", right=True, colour=GREY)


def moreau() -> Sample:
    """Seller and buyer side by side in a header of two columns."""
    fields = facts("F-2026-0077", "2026-06-18", "Atelier Moreau SARL", "Northlight Galleries AG", 6486.0, "CHF")
    return Sample("invoice-moreau.pdf", pdf("Invoice F-2026-0077", _moreau), fields)


def _moreau(sheet: Sheet) -> None:
    sheet.text(MARGIN, 72, "INVOICE", size=22, bold=True, colour="#3b2d6b")
    sheet.rule(84, colour="#3b2d6b")
    for x, label, lines in (
        (MARGIN, "Seller", ["Atelier Moreau SARL", "9 rue des Tanneurs", "1204 Geneva"]),
        (320, "Buyer", ["Northlight Galleries AG", "Seefeldstrasse 22", "8008 Zurich"]),
    ):
        sheet.text(x, 112, label, bold=True, colour=GREY)
        sheet.block(x, 128, lines)
    for x, label, value in ((MARGIN, "Invoice no.", "F-2026-0077"), (320, "Date of issue", "18 June 2026")):
        sheet.text(x, 186, label, bold=True, colour=GREY)
        sheet.text(x, 201, value)
    columns = [("Work", MARGIN, False), ("Hours", 350, True), ("Rate", 440, True), ("Amount", RIGHT, True)]
    rows = [
        ("Restoration of frame, 19th century", "32", "150.00", "4'800.00"),
        ("Gilding, materials included", "8", "150.00", "1'200.00"),
    ]
    below = sheet.table(240, columns, rows)
    for number, (label, value) in enumerate([("VAT 8.1 %", "CHF 486.00"), ("Grand total", "CHF 6'486.00")]):
        sheet.text(350, below + number * 19, label, bold=number == 1)
        sheet.text(RIGHT, below + number * 19, value, bold=number == 1, right=True)
    sheet.text(MARGIN, 760, "Payable within 20 days. IBAN CH44 0024 0240 8123 5570 1", colour=GREY)


ALL = (brightwater, cascade, lindenhof, harrow_stone, moreau)
