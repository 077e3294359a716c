"""Take every right away from a process for good: limits, user id, and system calls by number.

The filter here comes on top of the container's seccomp profile, which names the calls that are allowed at all.
"""

import ctypes
import errno
import os
import resource
import socket
import struct
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7
_DENIED: dict[str, tuple[int, int, int, int, tuple[int, ...], tuple[int, ...]]] = {
    # Call numbers: (architecture, socket, prctl, clone, without effect, denied). Without effect are sync and syncfs, for
    # they make the whole machine wait. The denied, in rows: ptrace and other processes' memory;
    # mounts and namespaces; keyrings; kernel interfaces of many past holes; System V and POSIX queues, which outlive a
    # process; what changes the machine, or another process's priority.
    "x86_64": (
        _X86_64,
        41,
        157,
        56,
        (162, 306),
        (
            101, 310, 311, 312, 438, 440,
            165, 166, 155, 161, 272, 308, 428, 429, 430, 431, 432, 433, 442,
            248, 249, 250,
            321, 298, 323, 425, 426, 427, 303, 304, 175, 176, 313, 246, 320, 169, 167, 168, 163, 179, 435,
            29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245,
            135, 134, 153, 154, 172, 173, 103, 170, 171, 164, 227, 159, 305, 144, 142, 314, 141, 203, 251,
        ),
    ),
    "aarch64": (
        _AARCH64,
        198,
        167,
        220,
        (81, 267),
        (
            117, 270, 271, 272, 438, 440,
            40, 39, 41, 51, 97, 268, 428, 429, 430, 431, 432, 433, 442,
            217, 218, 219,
            280, 241, 282, 425, 426, 427, 264, 265, 105, 106, 273, 104, 294, 142, 224, 225, 89, 60, 435,
            194, 195, 196, 197, 190, 191, 192, 193, 186, 187, 188, 189, 180, 181, 182, 183, 184, 185,
            92, 58, 116, 161, 162, 170, 112, 171, 266, 119, 118, 274, 140, 122, 30,
        ),
    ),
}


def seccomp_filter(machine: str) -> bytes:
    """Return the classic BPF program for `machine`, or nothing if its call numbers are not known here."""
    if machine not in _DENIED:
        return b""
    arch, socket_nr, prctl_nr, clone_nr, without_effect, denied = _DENIED[machine]
    load, jump_eq, jump_ge, jump_set, give = 0x20, 0x15, 0x35, 0x45, 0x06
    deny = 0x00050000 | errno.EPERM
    no_such_call = 0x00050000 | errno.ENOSYS
    allow, nothing = 0x7FFF0000, 0x00050000  # errno 0: the call does nothing and reports success
    out = [(load, 0, 0, 4), (jump_eq, 1, 0, arch), (give, 0, 0, deny), (load, 0, 0, 0)]
    out += [(jump_ge, 0, 1, 0x40000000), (give, 0, 0, deny)]  # the x32 interface
    out += [(jump_eq, 0, 1, 435), (give, 0, 0, no_such_call)]  # clone3: its flags cannot be looked at; libc falls back
    for number in without_effect:
        out += [(jump_eq, 0, 1, number), (give, 0, 0, nothing)]
    for number in sorted(set(denied) - {435}):
        out += [(jump_eq, 0, 1, number), (give, 0, 0, deny)]
    out += [(jump_eq, 0, 4, socket_nr), (load, 0, 0, 16), (jump_eq, 1, 0, socket.AF_UNIX)]
    out += [(give, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (give, 0, 0, allow)]
    out += [(jump_eq, 0, 3, prctl_nr), (load, 0, 0, 16), (jump_eq, 0, 1, 4), (give, 0, 0, deny)]  # PR_SET_DUMPABLE
    # CLONE_PARENT would make a child of the zygote, which reaps only the programs themselves.
    out += [(jump_eq, 0, 3, clone_nr), (load, 0, 0, 16), (jump_set, 0, 1, 0x8000), (give, 0, 0, deny)]
    out += [(give, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *step) for step in out)


_OPTIONAL = ("RLIMIT_MSGQUEUE", "RLIMIT_SIGPENDING")
"""gVisor's kernel lacks these limits; there, what they bound counts as the box's memory."""


def lock_down(spec: dict[str, Any], bpf: bytes) -> None:
    """Become the program's user, in its own session, directory and limits, with no way back."""
    uid = spec["uid"]
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    os.setsid()
    for name, value in spec["rlimits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (value, value))
        except ValueError:
            if name not in _OPTIONAL:
                raise
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.mkdir(f"/tmp/{uid}", 0o700)
    os.chdir(f"/tmp/{uid}")
    os.environ["HOME"] = os.environ["TMPDIR"] = f"/tmp/{uid}"
    if _LIBC.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise OSError("no_new_privs refused")
    if bpf:
        keep = ctypes.create_string_buffer(bpf)
        program = struct.pack("HxxxxxxP", len(bpf) // 8, ctypes.addressof(keep))
        if _LIBC.prctl(22, 2, program, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            raise OSError(f"seccomp refused: errno {ctypes.get_errno()}")
