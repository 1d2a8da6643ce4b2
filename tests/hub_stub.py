"""A stub of the Hugging Face Hub on loopback, for the real ``huggingface_hub`` and ``datasets`` clients.

It serves a folder tree, ``root/models/<owner>/<name>/…`` and ``root/datasets/<owner>/<name>/…``, through the requests
those clients make to read: repository information, file listings, file metadata, whole files and ranges of them. Another
branch than main is a folder beside it, ``<name>@refs_convert_parquet`` for ``refs/convert/parquet``. A
repository that holds a file ``.gated`` tells about itself and gives its files only to :data:`TOKEN`, as the Hub does.

The clients read ``HF_ENDPOINT`` and ``HF_HOME`` when they are imported, so a test runs them in a child process with
:meth:`HubStub.environment`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["TOKEN", "HubStub", "child_environment"]

TOKEN = "hf_stub"
"""The one token that opens gated repositories."""

_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?")
_FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class HubStub:
    """The stub, running from ``with HubStub(root) as hub:`` to the end of the block.

    Args:
        root: the folder that holds ``models/`` and ``datasets/``; files may be added while the stub runs.
        commits: the commit hash of each repository by ``owner/name``, 40 hexadecimal digits; else one is made up.

    Attributes:
        requests: what was asked for, as ``"GET /path"``, in the order of arrival; queries are left out.
    """

    def __init__(self, root: Path, *, commits: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.requests: list[str] = []
        self._commits = dict(commits or {})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def endpoint(self) -> str:
        """The value of ``HF_ENDPOINT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def commit(self, repo_id: str) -> str:
        """The commit hash that the stub's main branch of ``repo_id`` stands at."""
        return self._commits.get(repo_id) or hashlib.sha1(repo_id.encode()).hexdigest()

    def downloads(self) -> list[str]:
        """The names of the files whose content was asked for, each once, sorted."""
        paths = (request.removeprefix("GET ") for request in self.requests if request.startswith("GET "))
        return sorted({match[4] for path in paths if (match := _FILE.fullmatch(path))})

    def environment(self, home: Path, **extra: str) -> dict[str, str]:
        """The environment of a child process whose Hub is this stub and whose cache is ``home``."""
        return child_environment(self.endpoint, home, **extra)

    def close(self) -> None:
        """Stop answering: later connections are refused."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> HubStub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def child_environment(endpoint: str, home: Path, **extra: str) -> dict[str, str]:
    """This process's environment without its own Hub settings, with ``endpoint`` as the Hub and ``home`` as its cache."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))}
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    ours = {name: value for name, value in ours.items() if name.lower() not in proxies}
    ours.pop("TRANSFORMERS_OFFLINE", None)
    return {
        **ours,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **extra,
    }


def _handler(hub: HubStub) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        stub = hub

    return Handler


class _Handler(BaseHTTPRequestHandler):
    stub: HubStub
    # HTTP/1.0: one request a connection, so that a stub that was closed is gone at once.
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.stub.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Quoted: a revision such as refs/pr/1 is one segment there.
        if match := _API.fullmatch(parts.path):
            kind, repo_id, verb, revision, rest = (unquote(part) if part else "" for part in match.groups())
            found = self._repository(kind, repo_id, revision)
            if found is None:
                return
            folder, commit = found
            if verb == "tree":
                deep = parse_qs(parts.query).get("recursive", ["false"])[0].lower() in ("true", "1")
                self._tree(folder, rest, deep)
            elif verb == "paths-info":
                self._json([_entry(folder, folder / name) for name in _paths(body) if (folder / name).exists()])
            else:
                self._information(folder, repo_id, commit)
        elif match := _FILE.fullmatch(parts.path):
            kind, repo_id, revision, name = (unquote(part) if part else "" for part in match.groups())
            found = self._repository(kind or "models", repo_id, revision)
            if found is not None:
                self._file(*found, repo_id, name)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "", f"the stub knows no {path}")

    def _repository(self, kind: str, repo_id: str, revision: str) -> tuple[Path, str] | None:
        """The folder of a branch, and its commit."""
        folder = self.stub.root / kind / repo_id
        if not folder.is_dir():
            self._refuse(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found")
            return None
        branches = {"main": folder} | {p.name.partition("@")[2]: p for p in folder.parent.glob(f"{folder.name}@*")}
        for branch, there in branches.items():
            commit = self.stub.commit(repo_id if branch == "main" else f"{repo_id}@{branch}")
            if (revision or "main").replace("/", "_") == branch or revision == commit:
                return there, commit
        self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def _information(self, folder: Path, repo_id: str, commit: str) -> None:
        siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in _files(folder)]
        gated = "manual" if (folder / ".gated").exists() else False
        self._json(
            {
                "_id": "0" * 24,
                "id": repo_id,
                "modelId": repo_id,
                "sha": commit,
                "private": False,
                "gated": gated,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": siblings,
            }
        )

    def _tree(self, folder: Path, rest: str, deep: bool) -> None:
        start = folder / rest
        if not start.is_dir():
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound", f"{rest} does not exist")
            return
        self._json(
            [
                _entry(folder, path)
                for path in sorted(start.rglob("*") if deep else start.iterdir())
                if path.name != ".gated"
            ]
        )

    def _file(self, folder: Path, commit: str, repo_id: str, name: str) -> None:
        if (folder / ".gated").exists() and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo", f"Access to {repo_id} is restricted.", commit)
            return
        path = folder / name
        if not path.is_file() or path.name == ".gated":
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found", commit)
            return
        content = path.read_bytes()
        headers = {"ETag": f'"{_oid(path)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self._send(HTTPStatus.OK, content, headers)
        elif int(wanted[1]) >= len(content):
            self._send(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {**headers, "Content-Range": f"bytes */{len(content)}"}
            )
        else:
            first = int(wanted[1])
            last = min(int(wanted[2]) if wanted[2] else len(content) - 1, len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            self._send(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers)

    def _json(self, answer: object) -> None:
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: HTTPStatus, code: str, message: str, commit: str | None = None) -> None:
        headers = {"X-Error-Message": message}
        if code:
            headers["X-Error-Code"] = code
        if commit:
            headers["X-Repo-Commit"] = commit
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".gated")


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "oid": hashlib.sha1(name.encode()).hexdigest(), "size": 0, "path": name}
    return {"type": "file", "oid": _oid(path), "size": path.stat().st_size, "path": name}


def _paths(body: bytes) -> list[str]:
    """The paths of a paths-info request, sent as JSON or as a form."""
    text = body.decode()
    if text.startswith("{"):
        paths: str | list[str] = json.loads(text)["paths"]
        return [paths] if isinstance(paths, str) else paths
    return parse_qs(text).get("paths", [])
