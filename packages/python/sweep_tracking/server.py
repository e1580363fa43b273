"""Where a server is, and requests to it. Called from the background; errors say whether to try again."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import IO, Any, Dict, Iterable, Iterator, Mapping, Optional, Union

_TIMEOUT_S = 15.0  # without a byte from the other side


class Refused(Exception):
    """The server has answered, and not as was asked."""

    def __init__(self, status: int, code: str, message: str, details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details

    @property
    def retryable(self) -> bool:
        """Whether the same request may be taken later: the server is busy, full, or has no such token yet."""
        return self.status >= 500 or self.status in (401, 403, 408, 421, 425, 429)


class Unreachable(Exception):
    """No answer; the same request may be answered later."""


class Server:
    """An address and the token that lets in."""

    __slots__ = ("url", "token")

    def __init__(self, url: str, token: Optional[str]) -> None:
        self.url = url
        self.token = token

    def __repr__(self) -> str:
        return f"Server({self.url!r})"


def sweep_home() -> str:
    """The folder of everything a local server keeps, as packages/spec/src/sweep-home.ts says."""
    if os.environ.get("SWEEP_HOME"):
        return os.environ["SWEEP_HOME"]
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "sweep")


def check_url(text: str) -> str:
    """Raises ValueError when it is not the address of a server."""
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"{text!r} is not the address of a server; write it like http://127.0.0.1:4600")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def find_server(url: Optional[str] = None, token: Optional[str] = None) -> Optional[Server]:
    """What was given, else SWEEP_URL and SWEEP_TOKEN, else the local server that left its address in its home folder,
    as the command finds it. The local server's own token goes to no other address. None: there is none. Raises
    ValueError for an address that is none.
    """
    token = token or os.environ.get("SWEEP_TOKEN") or None
    home = sweep_home()
    local = None
    try:
        with open(os.path.join(home, "server.json"), "rb") as file:
            local = check_url(json.load(file)["url"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    asked = url or os.environ.get("SWEEP_URL")
    found = check_url(asked) if asked else local
    if found is None:
        return None
    if token is None and found == local:
        try:
            with open(os.path.join(home, "token"), encoding="utf-8") as file:
                token = file.read().strip() or None
        except OSError:
            pass
    return Server(found, token)


_opener: Any = None


def _open(request: Any) -> Any:
    global _opener
    if _opener is None:
        import urllib.request

        class Stay(urllib.request.HTTPRedirectHandler):
            # A redirect would carry the token to wherever it leads.
            def redirect_request(self, *_: Any) -> None:
                return None

        _opener = urllib.request.build_opener(Stay)
    return _opener.open(request, timeout=_TIMEOUT_S)


def call(
    server: Server,
    method: str,
    path: str,
    body: Union[None, Mapping[str, Any], IO[bytes], Iterable[bytes]] = None,
    query: Optional[Mapping[str, str]] = None,
    length: Optional[int] = None,
) -> Any:
    """The reply's JSON. `body` is JSON, or a file or an iterable whose `length` bytes are sent as they are read.

    Raises Refused, Unreachable; and OSError only when the file can't be read.
    """
    headers: Dict[str, str] = {"accept": "application/json"}
    data: Any = None
    if length is not None:
        data = body
        headers.update({"content-type": "application/octet-stream", "content-length": str(length)})
    elif body is not None:
        data = json.dumps(body, allow_nan=False).encode()
        headers["content-type"] = "application/json"
    with _asked(server, method, path, headers, data, query) as reply:
        text = reply.read()
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise Unreachable(f"what answers at {server.url} is not a sweep server") from error


@contextlib.contextmanager
def download(server: Server, path: str) -> Iterator[IO[bytes]]:
    """The bytes of a reply, as they come. Raises as `call` does, also when they stop coming."""
    with _asked(server, "GET", path, {}) as reply:
        yield reply


@contextlib.contextmanager
def _asked(
    server: Server,
    method: str,
    path: str,
    headers: Dict[str, str],
    data: Any = None,
    query: Optional[Mapping[str, str]] = None,
) -> Iterator[Any]:
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    if server.token:
        headers["authorization"] = f"Bearer {server.token}"
    address = f"{server.url}/api/v1{path}"
    if query:
        address += "?" + urllib.parse.urlencode(query)
    try:
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        with _open(request) as reply:
            yield reply
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (urllib.error.URLError, http.client.HTTPException, socket.timeout, ConnectionError, ValueError) as error:
        raise Unreachable(str(getattr(error, "reason", error) or type(error).__name__)) from error


def _refusal(error: Any) -> Exception:
    try:
        body = json.loads(error.read(1_000_000))
        return Refused(error.code, str(body["code"]), str(body["message"]), body.get("details"))
    except Exception:
        # A proxy, or something else that has the address now.
        return Unreachable(f"HTTP {error.code} from something that is not a sweep server")
