"""Keys of objects: what is made can be read again, and nothing else can."""

from dataclasses import replace
from uuid import UUID

import pytest

from batch.domain import keys
from batch.domain.keys import Parts
from tests.unit.batch.domain.builders import BATCH, DOCUMENT, TENANT, running

UPLOAD = UUID(int=9)


def test_a_key_says_whose_it_is() -> None:
    upload = keys.upload_key(TENANT, BATCH, DOCUMENT, UPLOAD)
    result = keys.result_key(TENANT, BATCH, DOCUMENT, 12)
    assert keys.parse(upload) == Parts(DOCUMENT, None)
    assert keys.parse(result) == Parts(DOCUMENT, 12)
    assert all(key.startswith(keys.batch_prefix(TENANT, BATCH)) for key in (upload, result))
    assert keys.batch_prefix(TENANT, BATCH).startswith(keys.EVERYTHING)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "t/x",
        f"t/{TENANT}/e/{BATCH}.csv",
        f"t/{TENANT}/b/{BATCH}/d/{DOCUMENT}/a/0/result.json",
        f"t/{TENANT}/b/{BATCH}/d/{DOCUMENT}/a/-1/result.json",
        f"t/{TENANT}/b/{BATCH}/d/{DOCUMENT}/a/1/result.json\n",
        f"t/{TENANT}/b/{BATCH}/d/{DOCUMENT}/a/1/../2/result.json",
        f"other/t/{TENANT}/b/{BATCH}/d/{DOCUMENT}/a/1/result.json",
    ],
)
def test_a_key_of_another_kind_is_not_read(key: str) -> None:
    assert keys.parse(key) is None


def test_a_document_owns_the_results_of_its_attempts_so_far() -> None:
    document = running(attempt=2)
    assert [document.owns_result(keys.result_key(TENANT, BATCH, DOCUMENT, number)) for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    assert not document.owns_result(keys.upload_key(TENANT, BATCH, DOCUMENT, UPLOAD))
    for another in (
        replace(document, id=UUID(int=7)),
        replace(document, batch_id=UUID(int=7)),
        replace(document, tenant_id=UUID(int=7)),
    ):
        assert not another.owns_result(keys.result_key(TENANT, BATCH, DOCUMENT, 1))
