"""Run a command as an unprivileged account that reaches the given directories, whatever lies above them.

    python -IS confine.py UID GID DIRECTORY... -- COMMAND ARGUMENT...

For `core/embedded.py` under root, which PostgreSQL refuses to run as. Where a directory above one of the given ones
shuts the account out (a home, a `mktemp -d`), nobody's rights are widened. The command sees, in a mount namespace of
its own (Linux, `CAP_SYS_ADMIN`), an empty directory in that place, with nothing in it but the way down to the given
ones. All paths stay what they are. What fails is said in one line on stderr.

A program and not a function, because the calls between fork and exec must not run in a copy of a threaded process.
"""

import ctypes
import errno
import os
import sys

# <linux/sched.h>, <linux/mount.h>
CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000


def barrier(directory: str, uid: int, gid: int) -> str | None:
    """The topmost directory on the way that the account may not enter. The kernel is asked, so that ACLs count."""
    parents = []
    while directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
        parents.append(directory)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        for parent in reversed(parents):
            try:
                os.stat(os.path.join(parent, "."))
            except PermissionError:
                return parent
        return None
    finally:
        os.seteuid(0)
        os.setegid(0)


def checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def open_way(barriers: dict[str, str]) -> None:
    """Make each directory (key) reachable below its barrier (value), in a new mount namespace of this process."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        kind_, data_ = (None if text is None else text.encode() for text in (kind, data))
        checked(libc.mount(os.fsencode(source), os.fsencode(target), kind_, ctypes.c_ulong(flags), data_))

    checked(libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)  # nothing of what follows shows outside
    # Opened before they are hidden, and after unshare: only a mount of this namespace can be bound in it.
    opened = {directory: os.open(directory, os.O_PATH | os.O_DIRECTORY) for directory in barriers}
    for hidden in set(barriers.values()):
        mount("tmpfs", hidden, "tmpfs", 0, "mode=0755")
    for directory, descriptor in opened.items():
        os.makedirs(directory, mode=0o755, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", directory, None, MS_BIND | MS_REC)


def main(arguments: list[str]) -> None:
    end = arguments.index("--")
    uid, gid = int(arguments[0]), int(arguments[1])
    directories, command = arguments[2:end], arguments[end + 1 :]
    os.umask(0o022)
    os.setgroups([])
    barriers = {directory: found for directory in directories if (found := barrier(directory, uid, gid))}
    if barriers:
        try:
            if sys.platform != "linux":
                raise OSError(errno.ENOSYS, "only Linux has mount namespaces")
            open_way(barriers)
        except OSError as error:
            directory, found = next(iter(barriers.items()))
            sys.exit(
                f"PostgreSQL may not run as root, the account {uid} may not enter {found} on the way to {directory}, "
                f"and this process may not give it a view of its own ({error.strerror})"
            )
    os.setgid(gid)
    os.setuid(uid)
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"cannot become the account {sys.argv[1]} and run PostgreSQL: {error}")
