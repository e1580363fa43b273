"""Files of runs, on their way to the server."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

import sweep

from . import values as _values

if TYPE_CHECKING:
    from .run import Run

MOST_FILES = 10_000
_METADATA_CHARACTERS = 65_536
_LAST_PATIENCE_S = 60.0  # what an agent waits for artifacts as well


def log_path(
    run: Run, path: str, name: Optional[str], kind: str, metadata: Optional[Mapping[str, Any]], aliases: Any
) -> None:
    """Raises OSError, ValueError; what is wrong with one file of a folder is a warning."""
    if run._is_muted:
        return
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no {path}")
    name = _values.artifact_path(name if name is not None else os.path.basename(os.path.abspath(path)))
    about = describe(kind, metadata, aliases)
    if not os.path.isdir(path):
        _log_file(run, path, name, about)
        return
    _each(path, lambda file, relative: _log_file(run, file, _values.artifact_path(f"{name}/{relative}"), about))


def upload_left(folder: str) -> None:
    """Uploads the files of a folder to the run of the trial that this program is, in this thread: the program is about
    to end, when no thread can be started any more. Gives up when nothing has got through for a minute
    ($SWEEP_EXIT_WAIT). Raises OSError, ValueError.
    """
    from .guarded import say
    from .program import patience, trial_run
    from .run import send_all
    from .server import find_server
    from .spool import Spool

    own = trial_run()
    server = find_server() if os.environ.get("SWEEP_URL") else None
    if own is None or server is None:
        say("artifacts", f"what is in {folder} is not uploaded: no server is known here (SWEEP_URL).")
        return
    spool = Spool.create(own, server.url)

    def add(file: str, relative: str) -> None:
        body = {"path": _values.artifact_path(relative), "type": "file", "source": os.path.abspath(file)}
        spool.append({"op": "file", "body": body})

    _each(folder, add)
    if not send_all(spool, server, patience(_LAST_PATIENCE_S)):
        say("artifacts", f"not all of {folder} is uploaded: {server.url} does not take it.")


def _each(folder: str, take: Callable[[str, str], None]) -> None:
    """Calls `take` with (path, path below `folder`) of each file; what is wrong with one is a warning."""
    for count, (file, relative) in enumerate(_files(folder)):
        if count == MOST_FILES:
            sweep._warn("files", f"{folder} has more than {MOST_FILES} files; the rest is left out.")
            return
        try:
            take(file, relative)
        except (OSError, ValueError) as error:
            sweep._warn(f"file {file[:60]}", f"{file} is left out: {error}")


def describe(kind: str, metadata: Optional[Mapping[str, Any]], aliases: Any) -> Dict[str, Any]:
    """What goes with a file, as the server takes it."""
    about: Dict[str, Any] = {"type": _values.text_of(kind)[:100] or "file"}
    if metadata:
        plain = {_values.text_of(key)[:250]: _values.plain(value) for key, value in metadata.items()}
        if len(json.dumps(plain, ensure_ascii=False)) <= _METADATA_CHARACTERS:
            about["metadata"] = plain
        else:
            sweep._warn("metadata", "the metadata of a file is left out: it has more than 64 KiB.")
    names: List[str] = [aliases] if isinstance(aliases, str) else [str(alias) for alias in aliases or ()]
    good = [alias for alias in names if _is_alias(alias)]
    if len(good) < len(names):
        sweep._warn("alias", "an alias is a letter and up to 99 letters, digits, or _ . - and is not latest.")
    if good:
        about["aliases"] = good[:100]
    return about


def _is_alias(alias: str) -> bool:
    import re

    return alias != "latest" and re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", alias) is not None


def _files(folder: str) -> Iterator[Tuple[str, str]]:
    """(path, path below `folder`) of each file, sorted. Links to folders are not followed: they may lead in circles."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if os.path.isfile(path):  # no sockets and pipes
                yield path, os.path.relpath(path, folder)


def _log_file(run: Run, path: str, name: str, about: Dict[str, Any]) -> None:
    if not os.path.isfile(path):
        raise ValueError(f"{path} is not a file")
    if run.is_over:
        run._say_over()
        return
    if run.is_trial and _left_to_the_agent(path, name) and run.url is None:
        return  # nothing more can be done for it
    spool = run._spool("files")
    if spool is None:
        return
    body: Dict[str, Any] = {"path": name, **about}
    try:
        body["file"] = spool.add_file(path)
    except OSError as error:
        if not os.access(path, os.R_OK):
            raise
        # No room for a copy: then from where it is, as it will be by then.
        sweep._warn("copy", f"{path} is uploaded from where it is ({error.strerror}); changing it now changes that.")
        body["source"] = os.path.abspath(path)
    run._log("file", body, place="files")


def _left_to_the_agent(path: str, name: str) -> bool:
    """Puts a file where the agent uploads it when the trial ends, whatever becomes of this process and its network.
    The server knows bytes that it has. False where no agent looks.
    """
    folder = os.environ.get("SWEEP_RUN_DIR")
    if not folder or os.environ.get("SWEEP_REPORT") == "stdout":
        return False
    target = os.path.join(folder, "artifacts", *name.split("/"))
    try:
        if os.path.exists(target) and os.path.samefile(path, target):
            return True
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = f"{target}.{os.getpid()}.tmp"
        shutil.copyfile(path, temporary)
        os.replace(temporary, target)
    except OSError as error:
        sweep._warn("artifacts", f"can't put {name} into the run folder: {error.strerror}")
        return False
    return True


def log_made(run: Run, files: Iterable[Tuple[str, str]], kind: str, metadata: Mapping[str, Any], aliases: Any) -> None:
    """Files that were made to be logged, as (path, name)."""
    about = describe(kind, metadata, aliases)
    for path, name in files:
        _log_file(run, path, _values.artifact_path(name), about)
