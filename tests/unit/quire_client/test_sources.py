import hashlib
from pathlib import Path

import pytest

from quire_client.errors import NothingToSubmitError
from quire_client.sources import Content, Source, gather
from quire_client.submission import derived_id, in_chunks

ID = "01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10"


def test_gather_takes_a_hidden_file_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env.txt").write_text("x")

    assert [source.name for source in gather(tmp_path / ".env.txt")] == [".env.txt"]


def test_gather_refuses_when_a_folder_holds_hidden_files_only(tmp_path: Path) -> None:
    (tmp_path / ".env.txt").write_text("x")

    with pytest.raises(NothingToSubmitError, match="nothing to submit"):
        gather([tmp_path])


def test_gather_uses_the_bare_name_when_the_path_is_too_long(tmp_path: Path) -> None:
    folder = tmp_path / "root" / ("x" * 200) / ("y" * 200)
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("x")

    assert [source.name for source in gather(tmp_path / "root")] == ["a.txt"]


def test_announcement_has_size_hash_and_type_when_made() -> None:
    (source,) = gather(Content("a.pdf", b"bytes"))
    announcement = source.announcement()

    assert (announcement.size_bytes, announcement.media_type) == (5, "application/pdf")
    assert announcement.sha256 == hashlib.sha256(b"bytes").hexdigest()


def test_chunks_are_cut_by_count_and_by_bytes_when_there_are_many() -> None:
    small = [Source("a", 1, b"x")] * 1_001
    large = [Source("a", 200 << 20, b"x")] * 3

    assert [len(chunk) for chunk in in_chunks(small)] == [1_000, 1]
    assert [len(chunk) for chunk in in_chunks(large)] == [1, 1, 1]


def test_derived_id_is_the_same_when_the_step_is_the_same() -> None:
    assert derived_id(ID, "seal") == derived_id(ID, "seal")
    assert derived_id(ID, "seal") != derived_id(ID, "documents:0")
