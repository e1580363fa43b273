"""A folder as one tar archive, in the terms of packages/snapshot: no times, no owners, nothing compressed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from http.client import HTTPException
from typing import IO, Dict, Iterator, List, Tuple

from .guarded import say

_CHUNK = 1_048_576


class Damaged(Exception):
    """Other bytes than were asked for, or none that can be unpacked."""


def pack(folder: str) -> Iterator[bytes]:
    """The archive of a folder, piece by piece. Raises OSError, also for a file that changes meanwhile."""
    for path, name in _entries(folder):
        entry = tarfile.TarInfo(name)
        if os.path.islink(path):
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
            yield _header(entry)
        elif os.path.isdir(path):
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            yield _header(entry)
        else:
            with open(path, "rb") as file:
                about = os.fstat(file.fileno())
                entry.size, entry.mode = about.st_size, 0o755 if about.st_mode & 0o111 else 0o644
                yield _header(entry)
                left = entry.size
                while left > 0:
                    chunk = file.read(min(_CHUNK, left))
                    if not chunk:
                        raise OSError(f"{path} changed while it was read")
                    left -= len(chunk)
                    yield chunk
            yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def digest(chunks: Iterator[bytes]) -> Tuple[str, int]:
    """(SHA-256, length) of what comes."""
    sha256, length = hashlib.sha256(), 0
    for chunk in chunks:
        sha256.update(chunk)
        length += len(chunk)
    return sha256.hexdigest(), length


def unpack(source: IO[bytes], sha256: str, folder: str) -> None:
    """Unpacks an archive into a new folder: only files, folders and links come out of it, all inside of the folder.
    Raises Damaged; what was unpacked by then stays.
    """
    hashed = _Hashed(source)
    links: Dict[str, str] = {}
    os.makedirs(folder)
    try:
        with tarfile.open(fileobj=hashed, mode="r|") as archive:  # type: ignore[call-overload]
            for entry in archive:
                _unpack_entry(archive, entry, folder, links)
        hashed.drain()
        if hashed.sha256.hexdigest() != sha256:
            raise Damaged("other bytes arrived than were stored")
        for name, target in links.items():  # last, so that nothing is written through them
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            os.symlink(target, os.path.join(folder, name))
    except (tarfile.TarError, EOFError, FileExistsError, NotADirectoryError) as error:
        raise Damaged(f"it is no archive of a checkpoint: {error}") from error


def _header(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _entries(folder: str) -> List[Tuple[str, str]]:
    """(path, name in the archive) of everything that one can hold, sorted."""
    found: List[Tuple[str, str]] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        for name in folders + names:
            path = os.path.join(parent, name)
            inside = os.path.relpath(path, folder).replace(os.sep, "/")
            if os.path.islink(path):
                if not _stays_inside(inside, os.readlink(path)):
                    say(f"link {inside[:60]}", f"{inside} of a checkpoint is left out: it is a link that leads out.")
                    continue
            elif not os.path.isdir(path) and not os.path.isfile(path):
                continue  # sockets and pipes
            found.append((path, inside))
    return sorted(found, key=lambda entry: entry[1])


def _raise(error: OSError) -> None:
    raise error


def _stays_inside(name: str, target: str) -> bool:
    joined = os.path.normpath(os.path.join(os.path.dirname(name), target))
    return not os.path.isabs(target) and joined != ".." and not joined.startswith("../")


def _unpack_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: str, links: Dict[str, str]) -> None:
    parts = entry.name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise Damaged(f"it has {entry.name[:200]!r}, which is no path inside of it")
    path = os.path.join(folder, *parts)
    if entry.isdir():
        os.makedirs(path, exist_ok=True)
    elif entry.issym():
        if not _stays_inside(entry.name, entry.linkname):
            raise Damaged(f"its link {entry.name[:200]!r} leads out of it")
        links[entry.name] = entry.linkname
    elif entry.isfile():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        taken = archive.extractfile(entry)
        with open(path, "xb") as file:
            if taken is not None:
                shutil.copyfileobj(taken, file, _CHUNK)
        os.chmod(path, 0o755 if entry.mode & 0o111 else 0o644)
    else:
        raise Damaged(f"its {entry.name[:200]!r} is neither a file nor a folder")


class _Hashed:
    """Reads on, and hashes what it has read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        try:
            data = self._source.read(size)
        except (OSError, HTTPException) as error:
            raise Damaged(f"it broke off: {error or type(error).__name__}") from error
        self.sha256.update(data)
        return data

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass
