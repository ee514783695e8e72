"""Root at work in somebody else's directory: what it makes there must stay usable to the service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """For root: what is made in the block belongs to the owner of *folder*, and nothing may be done that he may not.

    For another user nothing changes. Raises OSError where *folder* cannot be looked at. Not for several threads.
    """
    owner = folder.stat()
    user, group = os.geteuid(), os.getegid()
    if user != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(user)
    finally:
        os.setegid(group)
