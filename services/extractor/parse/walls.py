"""What a parser child gives up before it sees a document: network, processes, writing, the memory of others.

Every wall is one the kernel keeps and none can be taken down again. Where a kernel or a container forbids building one,
the child goes on with the rest and says which stand; `seccomp`, which alone keeps off the network, needs no privilege
anywhere.
"""

import ctypes
import os
import platform
import resource
import signal
from dataclasses import dataclass
from typing import ClassVar

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_READ_FILE, _READ_DIR, _ALL_FILE_RIGHTS = 1 << 2, 1 << 3, (1 << 13) - 1
_LD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_REFUSE, _KILL, _ALLOW = 0x00050001, 0x80000000, 0x7FFF0000
_X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class _Machine:
    """Numbers of what is refused: sockets, new processes, programs, signals to others, namespaces, foreign memory."""

    audit: int
    refused: tuple[int, ...]


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        # socket connect socketpair clone fork vfork execve kill ptrace rt_sigqueueinfo mount unshare setns
        # process_vm_readv process_vm_writev memfd_create bpf execveat userfaultfd io_uring_setup clone3 pidfd_getfd
        (41, 42, 53, 56, 57, 58, 59, 62, 101, 129, 165, 272, 308, 310, 311, 319, 321, 322, 323, 425, 435, 438),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        # the same where they exist, in the order of their numbers
        (40, 97, 117, 129, 138, 198, 199, 203, 220, 221, 268, 270, 271, 279, 280, 281, 282, 425, 435, 438),
    ),
}


class _Instruction(ctypes.Structure):
    _fields_: ClassVar = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def raise_walls(parent: int) -> tuple[str, ...]:
    """Build all walls; the names of those that stand. Ends the process when its parent is gone already."""
    _bound_resources()
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    walls = {"namespace": _leave_network(), "landlock": _forbid_writing(), "seccomp": _filter_system_calls()}
    _die_with(parent)
    return tuple(name for name, stands in walls.items() if stands)


def _bound_resources() -> None:
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _leave_network() -> bool:
    """Move into a network namespace with nothing in it."""
    return _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def _forbid_writing() -> bool:
    """Refuse all rights on files but reading; a process so bound cannot look into others (their environment) either."""
    rights = ctypes.c_uint64(_ALL_FILE_RIGHTS & ~_READ_FILE & ~_READ_DIR)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(rights), ctypes.sizeof(rights), 0)
    if ruleset < 0:
        return False
    try:
        return _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _filter_system_calls() -> bool:
    """Answer EPERM to the refused calls; a call by another machine's numbers kills."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    instructions = _instructions(machine)
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    return _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) == 0


def _instructions(machine: _Machine) -> list[_Instruction]:
    checks = [(_JUMP_AT_LEAST, _X32), *((_JUMP_EQUAL, number) for number in machine.refused)]
    return [
        _Instruction(_LD_WORD, 0, 0, 4),
        _Instruction(_JUMP_EQUAL, 1, 0, machine.audit),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LD_WORD, 0, 0, 0),
        *(_Instruction(code, len(checks) - place, 0, operand) for place, (code, operand) in enumerate(checks)),
        _Instruction(_RETURN, 0, 0, _ALLOW),
        _Instruction(_RETURN, 0, 0, _REFUSE),
    ]


def _die_with(parent: int) -> None:
    """Be killed when the worker dies. Last, because a change of credentials forgets it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
