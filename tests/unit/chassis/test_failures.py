"""The catalogue explains every code there is."""

import re
from collections import Counter

import pytest

from chassis.errors import CallReason
from chassis.failures import CATALOGUE, Actor, Category, FailureCode

BY_DESIGN = {
    Category.DOCUMENT: 9,
    Category.STORAGE: 5,
    Category.POLICY: 4,
    Category.PROVIDER: 6,
    Category.MODEL: 4,
    Category.RUNTIME: 5,
    Category.CONTROL: 3,
}


def test_every_code_is_explained_in_the_order_of_the_list() -> None:
    assert list(CATALOGUE) == list(FailureCode)


def test_every_category_holds_as_many_codes_as_the_design_says() -> None:
    assert Counter(explained.category for explained in CATALOGUE.values()) == BY_DESIGN


@pytest.mark.parametrize("code", FailureCode)
def test_a_code_says_who_must_act_and_how(code: FailureCode) -> None:
    explained = CATALOGUE[code]
    assert code.value == code.name
    assert explained.actor in Actor
    assert re.fullmatch(r"[A-Z].*\.", explained.remedy), "one sentence"


def test_a_truncated_answer_is_never_tried_again_the_same_way() -> None:
    assert not CATALOGUE[FailureCode.OUTPUT_TRUNCATED].retryable
    assert not CATALOGUE[FailureCode.POISON_DOCUMENT].retryable


def test_reasons_of_calls_and_codes_of_documents_do_not_contradict() -> None:
    shared = {reason.value for reason in CallReason} & {code.value for code in FailureCode}
    assert shared == {"INTERNAL"}
