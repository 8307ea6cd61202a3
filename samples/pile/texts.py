"""Documents that are text in one way or another: receipts, mail, records, notes."""

import json

from samples.pile.sample import Sample, facts


def cafe_receipt() -> Sample:
    """A till receipt; it names no customer and no invoice."""
    lines = [
        "        HARBOUR LIGHT CAFE",
        "      31 Commercial St, Portland",
        "         Tel 207-555-0113",
        "",
        "03/28/2026  08:47    Table 6",
        "Served by: Dana",
        "--------------------------------",
        "2 x Flat white           $9.00",
        "1 x Blueberry muffin     $4.25",
        "1 x Egg sandwich         $8.50",
        "--------------------------------",
        "Subtotal                $21.75",
        "Tax 8%                   $1.74",
        "TOTAL                   $23.49",
        "",
        "Cash                    $30.00",
        "Change                   $6.51",
        "",
        "      Thank you, come again!",
    ]
    fields = facts(None, "2026-03-28", "HARBOUR LIGHT CAFE", None, 23.49, "USD")
    return Sample("receipt-cafe.txt", _encoded("\n".join(lines)), fields)


def shop_receipt() -> Sample:
    """A web shop's receipt."""
    fields = facts("INV-5520917", "2026-02-19", "Papillon Books", "Ines Carvalho", 61.8, "EUR")
    return Sample("receipt-papillon.html", _encoded(_SHOP), fields)


_SHOP = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Your receipt from Papillon Books</title>
<style>
body { font-family: Georgia, serif; color: #222; max-width: 40em; margin: 2em auto; }
h1 { color: #7a1f4b; } table { border-collapse: collapse; width: 100%; }
td, th { padding: .4em .6em; border-bottom: 1px solid #ddd; text-align: left; } .n { text-align: right; }
</style></head>
<body>
<h1>Papillon Books</h1>
<p>Rua das Flores 88, Porto</p>
<h2>Receipt</h2>
<dl>
<dt>Invoice number:</dt><dd>INV-5520917</dd>
<dt>Date:</dt><dd>19 February 2026</dd>
<dt>Customer:</dt><dd>Ines Carvalho</dd>
</dl>
<table>
<tr><th>Title</th><th class="n">Copies</th><th class="n">Price</th></tr>
<tr><td>A Field Guide to Lichens</td><td class="n">1</td><td class="n">€34.00</td></tr>
<tr><td>The Salt Road</td><td class="n">2</td><td class="n">€22.80</td></tr>
<tr><td>Shipping</td><td class="n"></td><td class="n">€5.00</td></tr>
<tr><th colspan="2">Total</th><th class="n">€61.80</th></tr>
</table>
<p>Paid by card ending 4410. Returns within 30 days.</p>
<script>console.log("total: 0.00")</script>
</body></html>
"""


def mail_order() -> Sample:
    """An order placed by mail: the writer is the customer."""
    fields = facts(None, "2026-05-06", "Solway Timber Merchants", "Larkfield Joinery", 3264.0, "GBP")
    return Sample("order-by-mail.eml", _encoded(_MAIL.replace("\n", "\r\n")), fields)


_MAIL = """From: Larkfield Joinery <orders@larkfield.example>
To: Solway Timber Merchants <sales@solway-timber.example>
Subject: Purchase order LJ-1180
Date: Wed, 06 May 2026 09:15:42 +0100
Message-ID: <lj-1180@larkfield.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Good morning,

we would like to order, at the prices of your list of April:

  PO number: LJ-1180
  120 m oak board, 25 x 150 mm      £21.20    £2,544.00
   40 m ash board, 25 x 100 mm      £18.00      £720.00

  Order total: £3,264.00

Please deliver to our workshop before 22 May 2026 and confirm by return.

Kind regards
Ruth Calder
Larkfield Joinery
"""


def record() -> Sample:
    """What another system would export."""
    content = {
        "invoice_number": "API-000781",
        "issue_date": "2026-06-30",
        "supplier": {"name": "Tidewater Cloud Hosting Ltd", "vat_id": "IE 6388047V"},
        "customer": {"name": "Marlowe Publishing House", "country": "IE"},
        "lines": [
            {"description": "Compute, 720 hours", "quantity": 3, "amount": 432.0},
            {"description": "Object storage, 2 TB", "quantity": 1, "amount": 46.0},
        ],
        "subtotal": 478.0,
        "tax": 109.94,
        "total": 587.94,
        "currency": "EUR",
    }
    fields = facts("API-000781", "2026-06-30", "Tidewater Cloud Hosting Ltd", "Marlowe Publishing House", 587.94, "EUR")
    return Sample("invoice-tidewater.json", _encoded(json.dumps(content, indent=2)), fields)


def delimited() -> Sample:
    """One invoice as a row of an accounting export, with semicolons."""
    text = (
        "Invoice number;Invoice date;Supplier;Customer;Net amount;VAT;Total amount;Currency\n"
        '"SK-7702";"11.03.2026";"Skovgaard Elektro ApS";"Bryggen Brewery A/S";"9.400,00";"2.350,00";"11.750,00";"DKK"\n'
    )
    fields = facts("SK-7702", "2026-03-11", "Skovgaard Elektro ApS", "Bryggen Brewery A/S", 11750.0, "DKK")
    return Sample("invoice-export.csv", _encoded(text), fields)


def tabbed() -> Sample:
    """Names and values parted by tabs."""
    rows = [
        ("Invoice No.", "TX-20418"),
        ("Date of issue", "2026-10-08"),
        ("Vendor", "Redwood Translation Collective"),
        ("Client", "Okanagan Heritage Museum"),
        ("Words translated", "18,420"),
        ("Rate per word", "0.14"),
        ("Subtotal", "2,578.80"),
        ("GST 5%", "128.94"),
        ("Total", "2,707.74"),
        ("Currency", "CAD"),
    ]
    text = "".join("\t".join(row) + "\n" for row in rows)
    fields = facts(
        "TX-20418", "2026-10-08", "Redwood Translation Collective", "Okanagan Heritage Museum", 2707.74, "CAD"
    )
    return Sample("invoice-redwood.tsv", _encoded(text), fields)


def markdown() -> Sample:
    """A freelancer's invoice."""
    fields = facts("2026-019", "2026-11-02", "Amara Lindqvist Design", "Polestead Foods Inc.", 5250.0, "USD")
    return Sample("invoice-lindqvist.md", _encoded(_MARKDOWN), fields)


_MARKDOWN = """# Invoice 2026-019

**From:** Amara Lindqvist Design
**To:** Polestead Foods Inc.
**Date:** November 2, 2026

| Description             | Hours | Rate    | Amount    |
|-------------------------|------:|--------:|----------:|
| Packaging concept       |    30 | $105.00 | $3,150.00 |
| Print-ready artwork     |    20 | $105.00 | $2,100.00 |
| **Total**               |       |         | **$5,250.00** |

Please pay within 14 days. Thank you!
"""


def french_invoice() -> Sample:
    """A French invoice as plain text in an old encoding."""
    text = (
        "Boulangerie du Marché SAS\r\n4 place des Halles, 35000 Rennes\r\n\r\nFACTURE\r\n\r\n"
        "Numéro de facture : FM-0612\r\nDate de facture : 3 février 2026\r\nClient : Brasserie de l'Écluse\r\n\r\n"
        "Désignation                  Quantité        Montant HT\r\n"
        "Pain de campagne, 1 kg            120          432,00 €\r\n"
        "Baguette tradition                400          380,00 €\r\n\r\n"
        "Total HT                                       812,00 €\r\n"
        "TVA 5,5 %                                       44,66 €\r\n"
        "Total TTC                                      856,66 €\r\n"
    )
    fields = facts("FM-0612", "2026-02-03", "Boulangerie du Marché SAS", "Brasserie de l'Écluse", 856.66, "EUR")
    return Sample("facture-marche.txt", text.encode("cp1252"), fields)


def _encoded(text: str) -> bytes:
    return text.encode()


ALL = (cafe_receipt, shop_receipt, mail_order, record, delimited, tabbed, markdown, french_invoice)
