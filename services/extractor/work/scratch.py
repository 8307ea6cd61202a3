"""Files that exist only while a document is parsed."""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir

from chassis.blobs import Blobs, StoredBlob

PREFIX = "quire-extractor-"


def process_folder(parent: Path | None = None) -> Path:
    """Make the folder of this process, empty: after a kill a container starts again with the same process id.

    Folders of processes that are no more go with it: a killed worker must not leave its customers' files behind.
    """
    parent = parent or Path(gettempdir())
    folder = parent / f"{PREFIX}{os.getpid()}"
    for left in [folder, *(one for one in parent.glob(f"{PREFIX}*") if _is_abandoned(one))]:
        shutil.rmtree(left, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _is_abandoned(folder: Path) -> bool:
    pid = folder.name.removeprefix(PREFIX)
    return pid.isdigit() and not Path("/proc", pid).exists()


class Scratch:
    """One folder for the process; a folder for each document would cost more than reading it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def fetched(self, blobs: Blobs, key: str) -> AsyncGenerator[tuple[Path, StoredBlob]]:
        """Copy an object into a file that is there as long as the block. Raises BlobFault."""
        path = Path(self._folder, uuid.uuid4().hex)
        fetching = asyncio.ensure_future(blobs.get_to_file(key, path))
        try:
            yield path, await asyncio.shield(fetching)
        finally:
            # A cancelled fetch goes on in its thread and would make the file anew.
            fetching.add_done_callback(lambda done: _remove(path, done))

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove(path: Path, fetching: asyncio.Future[StoredBlob]) -> None:
    _ = fetching.cancelled() or fetching.exception()
    path.unlink(missing_ok=True)
