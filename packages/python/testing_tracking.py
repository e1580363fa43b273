"""What the tests of tracking share: a server that keeps what it is sent, and a fresh tracker for each test."""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

from testing_sweep import CleanTest

FOLDER = Path(__file__).resolve().parent


def forget():
    for name in list(sys.modules):
        if name == "sweep" or name.partition(".")[0] == "sweep_tracking":
            del sys.modules[name]


class FakeServer:
    """Runs by id, with the rules of the real one that matter to a client; and the faults that one has."""

    def __init__(self):
        self.runs = {}
        self.requests = []
        self.tokens = set()  # None are asked for when empty
        self.is_down = False
        self.lost_replies = 0  # so many requests are carried out and not answered
        self.answer = None  # (status, body) for every request
        self.beat_ms = 60_000
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                with server.lock:
                    if server.is_down:
                        self.close_connection = True
                        return
                    server.requests.append((self.command, self.path))
                    status, reply = server.answer or server.take(self, body)
                    if server.lost_replies > 0:
                        server.lost_replies -= 1
                        self.close_connection = True
                        return
                data = json.dumps(reply).encode()
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("location", reply)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = handle_any

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients that were killed

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def take(self, request, body):
        token = (request.headers.get("authorization") or "").partition(" ")[2]
        if self.tokens and token not in self.tokens:
            return 401, {"code": "unauthenticated", "message": "this needs a token"}
        parts = urlsplit(request.path)
        path = parts.path[len("/api/v1") :]
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if path == "/runs":
            return self.create(json.loads(body))
        _, _, run_id, rest = path.split("/", 3) if path.count("/") > 2 else (*path.split("/"), "")
        run = self.runs.get(unquote(run_id))
        if run is None:
            return 404, {"code": "not-found", "message": f"there is no run {run_id}"}
        if request.command == "GET":
            return 200, {"id": run["create"]["id"]}
        if rest == "artifacts/file" and request.command == "PUT":
            return self.put(run, query, body)
        if rest == "models":
            return self.register(run, json.loads(body))
        return self.change(run, rest, query, json.loads(body))

    def create(self, body):
        new = {"create": body, "beats": 0, "params": {}, "tags": dict(body.get("tags", {})), "points": [], "writers": {}}
        run = self.runs.setdefault(body["id"], {**new, "files": {}, "models": [], "changes": {}, "end": None})
        return 201, {"id": run["create"]["id"]}

    def put(self, run, query, body):
        if hashlib.sha256(body).hexdigest() != query["sha256"]:
            return 400, {"code": "checksum-mismatch", "message": "other bytes"}
        versions = run["files"].setdefault(query["path"], [])
        if not versions or versions[-1]["bytes"] != body:
            versions.append({"bytes": body, "type": query["type"]})
        return 201, {"path": query["path"], "version": len(versions)}

    def register(self, run, body):
        if not any(path.startswith(f"{body['path']}/") for path in run["files"]):
            return 404, {"code": "not-found", "message": f"there are no files at {body['path']}"}
        if "/" in body["name"]:
            return 400, {"code": "invalid-request", "message": "name: must not hold any of / : @"}
        if body not in run["models"]:
            run["models"].append(body)
        return 201, {"version": 1}

    def change(self, run, rest, query, body):
        if rest == "params":
            known = run["params"]
            names = [name for name, value in body["params"].items() if known.get(name, value) != value]
            if names and not body.get("overwrite"):
                return 409, {"code": "conflict", "message": "known with another value", "details": {"names": names}}
            known.update(body["params"])
        elif rest == "tags":
            for name in body["remove"]:
                run["tags"].pop(name, None)
            run["tags"].update(body["set"])
        elif rest == "metrics/batch":
            return self.batch(run, body["writer"], body["points"])
        elif rest == "artifacts/file":
            run["files"][query["path"]][int(query["version"]) - 1].update(body)
        elif rest == "end":
            run["end"] = body
        elif rest == "heartbeat":
            run["beats"] += 1
            return 200, {"status": "running", "everyMs": self.beat_ms}
        else:
            run["changes"].update(body)
        return 200, {}

    def batch(self, run, writer, points):
        seq = run["writers"].get(writer["id"], 0)
        if writer["seq"] <= seq:
            return 200, {"taken": False, "seq": seq, "dropped": 0}
        if writer["seq"] > seq + 1:
            return 409, {"code": "conflict", "message": "batches are missing", "details": {"seq": seq}}
        run["writers"][writer["id"]] = writer["seq"]
        run["points"].extend(points)
        return 200, {"taken": True, "seq": writer["seq"], "dropped": 0}


class TrackingTest(CleanTest):
    """Each test gets a tracker that has seen nothing yet, a server and a home of its own."""

    def setUp(self):
        super().setUp()
        self.server = FakeServer()
        self.addCleanup(self.server.close)
        home = str(self.dir / "home")
        os.environ.update(SWEEP_URL=self.server.url, SWEEP_HOME=home, SWEEP_EXIT_WAIT="3")

    def load(self, **env):
        """The module `sweep`, anew."""
        os.environ.update({name: str(value) for name, value in env.items()})
        path = mock.patch.object(sys, "path", [str(FOLDER), *sys.path])
        path.start()
        self.addCleanup(path.stop)
        forget()  # ours alone: torch can't be imported twice
        self.addCleanup(forget)
        module = importlib.import_module("sweep")
        tracking = importlib.import_module("sweep_tracking")
        from_sender = importlib.import_module("sweep_tracking.sender")
        from_sender.FLUSH_S = 0.01
        self.addCleanup(self.close, tracking)
        return module

    def close(self, tracking):
        import atexit

        atexit.unregister(tracking._at_exit)
        os.environ.pop("SWEEP_STRICT", None)
        for run in tracking._runs:
            run.end(timeout=0)

    def trial(self, number=3, **env):
        """The module inside of a trial, whose run the server has."""
        run = self.dir / "run"
        run.mkdir(exist_ok=True)
        self.server.create({"id": f"abcdefghjk-{number}"})
        where = {"SWEEP_RUN_DIR": run, "SWEEP_METRICS": run / "metrics.jsonl", "SWEEP_ID": "abcdefghjk"}
        return self.load(**{**where, "SWEEP_TRIAL": number, "SWEEP_ATTEMPT": f"abcdefghjk-{number}-1", **env})

    def run_of(self, run_id):
        return self.server.runs[run_id]

    @property
    def only(self):
        """The one run that the server has."""
        self.assertEqual(len(self.server.runs), 1, self.server.runs.keys())
        return next(iter(self.server.runs.values()))

    def spools(self):
        root = self.dir / "home" / "spool"
        return sorted(path.name for path in root.iterdir()) if root.exists() else []

    def steps(self, run):
        return [point["step"] for point in run["points"]]

    def python(self, code, **env):
        """A program of its own, started."""
        full = {**os.environ, "PYTHONPATH": str(FOLDER), **{name: str(value) for name, value in env.items()}}
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process = subprocess.Popen([sys.executable, "-c", code], env=full, text=True, **pipes)

        def end():
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def wait_for(self, what, seconds=20):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end, self.err.getvalue())
            time.sleep(0.01)
