import pytest

from quire_client.exporting import cell_text, csv_rows, neutralised
from quire_client.results import ExtractedField, Result


@pytest.mark.catalogue("Q16")
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_neutralised_puts_an_apostrophe_first_when_text_would_run(text: str) -> None:
    assert neutralised(text) == "'" + text


@pytest.mark.parametrize("text", ["", "1+1", "a=b", " =1", "'=1"])
def test_neutralised_leaves_text_alone_when_it_would_not_run(text: str) -> None:
    assert neutralised(text) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (-3.5, "-3.5"), (True, "true"), (["=x"], '["=x"]'), ({"a": "é"}, '{"a": "é"}'), ("-3", "'-3")],
)
def test_cell_text_keeps_numbers_plain_and_nests_as_json_when_given_a_value(value: object, cell: str) -> None:
    assert cell_text(value) == cell


def test_csv_rows_have_every_field_as_a_column_when_documents_differ() -> None:
    fields = (ExtractedField("b", 2, grounded=True), ExtractedField("status", "x"))
    first = Result("1", "a.txt", 1, "SUCCEEDED", {"b": 2, "status": "x"}, fields)
    second = Result("2", "b.txt", 2, "SUCCEEDED", {"=c": 3})

    assert list(csv_rows([first, second])) == [
        ["document", "status", "b", "status (field)", "'=c", "ungrounded_fields", "error"],
        ["a.txt", "SUCCEEDED", "2", "x", "", "status", ""],
        ["b.txt", "SUCCEEDED", "", "", "3", "", ""],
    ]
