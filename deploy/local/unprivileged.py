"""PostgreSQL refuses to run as root: then it runs as a system user of its own, which owns nothing but its data."""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from deploy.local.failures import StackError

USER = "quire-postgres"
# Bits of /proc/self/status CapEff (linux/capability.h), the narrower one first; containers often have the second only.
CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


def owner_of(folder: Path, needs: Path) -> tuple[str, ...]:
    """Makes a private folder for the server and answers the words to put before its commands, none unless root."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return ()
    _ensure_user()
    give(folder)
    reachable = all(_open_to_all(path) for path in (folder.parent, needs))
    capability = () if reachable else _with_capability()
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *capability)


def give(path: Path) -> None:
    """Hands a file or folder to the system user; does nothing unless root."""
    if os.geteuid() == 0:
        shutil.chown(path, USER, USER)


def _ensure_user() -> None:
    if _user_exists():
        return
    command = ("useradd", "--system", "--user-group", "--no-create-home", "--shell=/usr/sbin/nologin", USER)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constant words
    if not _user_exists():
        raise StackError(f"PostgreSQL must not run as root, and its user could not be made: {done.stderr.strip()}")


def _user_exists() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _open_to_all(path: Path) -> bool:
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents))


def _with_capability() -> tuple[str, ...]:
    # A repository in /root, or pytest's tmp_path, lies behind folders closed to others. Rather than open those, the
    # server keeps the one power of root that lets it pass through them.
    held = _effective_capabilities()
    for name, bit in CAPABILITIES.items():
        if held >> bit & 1:
            return (f"--inh-caps=+{name}", f"--ambient-caps=+{name}")
    raise StackError(f"the user {USER} cannot reach this folder: move the repository or QUIRE_HOME to an open one")


def _effective_capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))
