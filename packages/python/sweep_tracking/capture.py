"""What a run ran on and what code it was, looked at in the background.

No environment variable is read for it, addresses of repositories lose their passwords, and arguments whose name says
that they are secret lose their values.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any, Dict, List, Optional

from .values import text_of

DIFF_CHARACTERS = 500_000
_ENVIRONMENT_CHARACTERS = 250_000
_FRAMEWORKS = (
    "torch", "lightning", "pytorch-lightning", "transformers", "accelerate", "tensorflow", "keras", "jax", "flax",
    "scikit-learn", "xgboost", "lightgbm", "catboost", "numpy",
)  # fmt: skip
_SECRET = re.compile(r"(token|secret|passw|pwd|credential|api[-_]?key|access[-_]?key|auth)", re.IGNORECASE)
_TIMEOUT_S = 10


def environment() -> Dict[str, Any]:
    """Keys as the agent has them (services/agent/src/host/run-environment.ts), and those of Python."""
    import platform
    import socket

    system = sys.platform
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    found: Dict[str, Any] = {
        "hostname": socket.gethostname(),
        "platform": f"{system}-{machine}",
        "kernel": platform.release(),
        "cpu": _cpu() or platform.processor() or "unknown",
        "cpus": os.cpu_count(),
        "memoryBytes": _memory(),
        "gpus": _gpus(),
        "python": platform.python_version(),
        "pythonImplementation": platform.python_implementation(),
        "executable": sys.executable,
        "packages": packages(),
        "conda": os.environ.get("CONDA_DEFAULT_ENV"),
        "image": os.environ.get("SWEEP_IMAGE"),
    }
    known = found["packages"]
    found["frameworks"] = {name: known[name] for name in _FRAMEWORKS if name in known}
    cuda = _cuda()
    if cuda:
        found["cuda"] = cuda
    kept = {key: value for key, value in found.items() if value not in (None, "", [], {})}
    if len(json.dumps(kept)) > _ENVIRONMENT_CHARACTERS:
        kept.pop("packages", None)
    return kept


def packages() -> Dict[str, str]:
    """Versions of what is installed, by name in lower case."""
    from importlib import metadata

    found: Dict[str, str] = {}
    for distribution in metadata.distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except Exception:  # a broken installation of one of them
            continue
        if name and version:
            found.setdefault(text_of(name).lower(), text_of(version))
    return dict(sorted(found.items()))


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def _memory() -> Optional[int]:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpus() -> List[Dict[str, Any]]:
    query = "--query-gpu=index,uuid,name,memory.total"
    gpus = []
    for line in (_output(["nvidia-smi", query, "--format=csv,noheader,nounits"]) or "").splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and parts[0].isdecimal() and parts[3].isdecimal():
            gpus.append(
                {"index": int(parts[0]), "uuid": parts[1], "name": parts[2], "memoryBytes": int(parts[3]) << 20}
            )
    return gpus


def _cuda() -> Optional[str]:
    torch = sys.modules.get("torch")
    return getattr(getattr(torch, "version", None), "cuda", None)


def source(folder: Optional[str] = None) -> Dict[str, Any]:
    """The program and the state of the git repository that it is in, if any."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = folder or (os.path.dirname(os.path.abspath(main)) if main else os.getcwd())
    kind = "notebook" if "ipykernel" in sys.modules else "local"
    found: Dict[str, Any] = {"type": kind, "entryPoint": _command_line()}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return found
    found.update(type=kind if kind == "notebook" else "git", commit=commit)
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    if branch and branch != "HEAD":
        found["branch"] = branch[:500]
    tag = _git(folder, "describe", "--tags", "--exact-match")
    if tag:
        found["tag"] = tag[:500]
    remote = _git(folder, "config", "--get", "remote.origin.url")
    if remote:
        found["repo"] = without_password(remote)[:2000]
    status = _git(folder, "status", "--porcelain", "--untracked-files=normal")
    if status is not None:
        found["dirty"] = status != ""
    if found.get("dirty"):
        diff = _git(folder, "diff", "HEAD", strip=False)
        if diff:
            found["diff"] = diff[:DIFF_CHARACTERS]
    return found


def without_password(address: str) -> str:
    """`https://user:token@host/x` without what stands before the @."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", text_of(address), flags=re.IGNORECASE)


def _command_line() -> str:
    """The program and its arguments, without values of those that look secret."""
    import shlex

    words: List[str] = []
    hide = False
    for word in map(text_of, sys.argv):
        name, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            words.append("***")
        elif equals and _SECRET.search(name):
            words.append(f"{name}=***")
        else:
            words.append(word)
        hide = word.startswith("-") and not equals and _SECRET.search(name) is not None
    return " ".join(map(shlex.quote, words))[:10_000]


def _git(folder: str, *arguments: str, strip: bool = True) -> Optional[str]:
    # `--no-optional-locks`: somebody may be committing.
    text = _output(["git", "--no-optional-locks", "-C", folder, *arguments])
    return text.strip() if text is not None and strip else text


def _output(command: List[str]) -> Optional[str]:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return text_of(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else None
