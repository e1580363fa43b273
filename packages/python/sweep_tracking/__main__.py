"""`python3 -m sweep_tracking sync [FOLDER]` sends what runs have left on this disk."""

from __future__ import annotations

import argparse
import os
import sys
from typing import List, Optional

from .run import send_all
from .server import find_server
from .spool import Spool, left_behind


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m sweep_tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = commands.add_parser("sync", help="send what runs have left on this disk")
    sync.add_argument("folder", nargs="?", help="of one run or of several; also one from another machine")
    sync.add_argument("--url", help="the server; else that of each run, SWEEP_URL, or the local one")
    sync.add_argument("--token", help="else SWEEP_TOKEN")
    options = parser.parse_args(arguments)
    left = 0
    for spool in _spools(options.folder):
        left += _sync(spool, options.url, options.token)
    return 1 if left else 0


def _spools(folder: Optional[str]) -> "List[Spool]":
    if folder is None:
        return list(left_behind())
    if not os.path.isdir(folder):
        sys.stderr.write(f"there is no folder {folder}\n")
        raise SystemExit(2)
    if os.path.exists(os.path.join(folder, "run.json")):
        spool = Spool.open(folder, elsewhere=False)
        return [] if spool is None else [spool]
    return list(left_behind(folder, elsewhere=False))


def _sync(spool: Spool, url: Optional[str], token: Optional[str]) -> int:
    """1 when something is left."""
    try:
        server = find_server(url or spool.url, token)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    if server is None:
        sys.stderr.write(
            f"run {spool.run}: no server is known; set SWEEP_URL, or start one with `sweep server start`\n"
        )
        spool.close(remove=False)
        return 1
    done = send_all(spool, server)
    print(f"run {spool.run}: {'sent to' if done else 'not all sent to'} {server.url}")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
