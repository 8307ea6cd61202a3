import pytest

from samples.score import Truth, judge, score

TRUTH: Truth = {
    "prompt": "",
    "documents": {"a": {"fields": {"no": "A-1", "total": 5.0, "date": None}}, "b": {"error": "NO_TEXT"}},
}


def test_a_score_counts_right_missed_wrong_and_invented_fields() -> None:
    result = score(TRUTH, {"a": {"no": None, "total": 6.0, "date": "2026-01-01"}, "b": "NO_TEXT"})
    assert (result.fields, result.right, result.recall, result.precision) == (3, 0, 0, 0)
    assert [miss.verdict for miss in result.misses] == ["missed", "wrong", "invented"]


def test_a_score_is_full_when_all_is_as_the_truth_has_it() -> None:
    result = score(TRUTH, {"a": {"no": "a1", "total": 5, "date": None}, "b": "NO_TEXT"})
    assert (result.share, result.recall, result.precision, result.misses) == (1, 1, 1, ())


def test_an_absent_document_counts_as_empty_and_a_missing_error_is_told() -> None:
    result = score(TRUTH, {"b": {}})
    assert result.right == 1
    assert [miss.field for miss in result.misses] == ["no", "total", "error"]


@pytest.mark.parametrize(("expected", "found"), [(5.0, 5.004), ("O'Brien Ltd.", "O’BRIEN LTD"), (None, None)])
def test_small_differences_of_spelling_are_right(expected: object, found: object) -> None:
    assert judge(expected, found) == "right"
