"""A stand-in for the Hugging Face hub on this machine, which the real huggingface_hub takes for it (HF_ENDPOINT): what a
repository has, its files by commit, large ones by a redirect to a second server of another origin, tokens, gated and private
repositories, ranges, pages of a listing; and what goes wrong on request. Python's standard library alone.

    with HubStandIn(folder) as hub:          # folder/models/ORG/NAME/..., folder/datasets/ORG/NAME/...
        os.environ["HF_ENDPOINT"] = hub.endpoint

A repository is a folder; its one commit is made from what is in it when it is asked for. Files of `lfs_from` bytes and more
are large ones: known by SHA-256, and served by the second server.
"""
import contextlib
import hashlib
import http.server
import json
import pathlib
import re
import socket
import sys
import threading
import time
import urllib.parse


class Fault:
    """One thing that goes wrong with requests whose path contains `path`, the first `times` of them after `skip`:
    "drop" (after `n` bytes of the body), "status" (`n`, with `headers`), "wrong" (other bytes of the same number), "no range" (the whole file
    whatever was asked for), "slow" (`n` bytes a second), "short" (a Content-Length larger than the body by `n`), "redirect"
    (to `to`), "body" (`to` as the answer), "headers" (without end)."""

    def __init__(self, kind, path="", times=1, n=0, to="", headers=(), method=None, skip=0):
        self.kind, self.path, self.times, self.n, self.to = kind, path, times, n, to
        self.headers, self.method, self.skip = dict(headers), method, skip


class HubStandIn:
    def __init__(self, folder, lfs_from=4096, page=1000, port=0):
        self.folder = pathlib.Path(folder)
        self.lfs_from, self.page = lfs_from, page
        self.tokens = {"hf_good"}   # those that are taken
        self.gated = set()          # "models/ORG/NAME": needs a token that was granted
        self.granted = set()        # tokens with access to gated and private ones
        self.private = set()
        self.branches = {"main"}    # names of the one commit
        self.faults = []
        self.requests = []          # dicts: server, method, path, authorization, range
        self.lock = threading.Lock()
        self._hashes = {}
        hub = self

        class Hub(_Handler):
            owner, name = hub, "hub"

        class Cdn(_Handler):
            owner, name = hub, "cdn"

        self.servers = [_Server(("127.0.0.1", port), Hub), _Server(("127.0.0.1", 0), Cdn)]
        self.endpoint = f"http://127.0.0.1:{self.servers[0].server_port}"
        self.cdn = f"http://localhost:{self.servers[1].server_port}"

    def __enter__(self):
        for server in self.servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    # ---- what is asked of it ----

    def fault(self, kind, path="", **how):
        self.faults.append(Fault(kind, path, **how))

    def seen(self, server=None, method=None, path=""):
        with self.lock:
            return [r for r in self.requests if (not server or r["server"] == server)
                    and (not method or r["method"] == method) and path in r["path"]]

    def forget(self):
        with self.lock:
            self.requests.clear()

    def files(self, repository):
        """{name: (size, oid, sha256 or None, path)} of "models/ORG/NAME"."""
        root, out = self.folder / repository, {}
        if not root.is_dir():
            return None
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            state = path.stat()
            key = (str(path), state.st_size, state.st_mtime_ns)
            with self.lock:
                known = self._hashes.get(key)
            if not known:
                data = path.read_bytes()
                sha256 = hashlib.sha256(data).hexdigest()
                known = (hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), sha256)
                with self.lock:
                    self._hashes[key] = known
            large = state.st_size >= self.lfs_from
            out[str(path.relative_to(root))] = (state.st_size, known[0], known[1] if large else None, path)
        return out

    def commit(self, repository):
        files = self.files(repository)
        text = "".join(f"{name} {oid}\n" for name, (_, oid, _, _) in sorted(files.items()))
        return hashlib.sha1(text.encode()).hexdigest()

    def take_fault(self, method, path, kinds):
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.path in path and fault.times > 0 and fault.method in (None, method):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        hub = self.owner
        with hub.lock:
            hub.requests.append({"server": self.name, "method": self.command, "path": self.path,
                                 "authorization": self.headers.get("Authorization"), "range": self.headers.get("Range"),
                                 "user_agent": self.headers.get("User-Agent")})
        fault = hub.take_fault(self.command, self.path, {"status", "redirect", "body", "headers"})
        if fault and fault.kind == "status":
            return self.send(fault.n, b"{}", fault.headers)
        if fault and fault.kind == "redirect":
            return self.send(302, b"", {"Location": fault.to, **fault.headers})
        if fault and fault.kind == "body":
            return self.send(200, fault.to.encode() if isinstance(fault.to, str) else fault.to, fault.headers)
        if fault:
            return self.endless_headers()
        parts = urllib.parse.urlsplit(self.path)
        path = parts.path
        if self.name == "cdn":
            return self.blob(path)
        for pattern, function in ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                return function(self, *[urllib.parse.unquote(x) for x in match.groups("")],
                                urllib.parse.parse_qs(parts.query))
        return self.send(404, b"no such page")

    # ---- answers ----

    def send(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code="", message=""):
        headers = {}
        if code:
            headers["X-Error-Code"] = code
        if message:
            headers["X-Error-Message"] = message
        self.send(status, json.dumps({"error": message}).encode(), headers)

    def endless_headers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for i in range(1_000_000):
                self.wfile.write(b"X-%d: %s\r\n" % (i, b"a" * 1000))
        self.close_connection = True

    def allowed(self, repository):
        """None when the repository may be seen, else what was answered."""
        hub, given = self.owner, self.headers.get("Authorization", "")
        token = given[len("Bearer "):] if given.startswith("Bearer ") else None
        if given and token not in hub.tokens:
            return self.fail(401, message="Invalid credentials in Authorization header") or True
        if hub.files(repository) is None or (repository in hub.private and token not in hub.granted):
            return self.fail(404 if token else 401, "RepoNotFound", "Repository not found") or True
        return None

    def gate(self, repository):
        hub, given = self.owner, self.headers.get("Authorization", "")
        if repository in hub.gated and given[len("Bearer "):] not in hub.granted:
            return self.fail(403 if given else 401, "GatedRepo", f"Access to {repository} is restricted.") or True
        return None

    def revision(self, repository, name):
        commit = self.owner.commit(repository)
        if name in self.owner.branches or name == commit:
            return commit
        self.fail(404, "RevisionNotFound", f"Invalid rev id: {name}")
        return None

    def info(self, kind, name, revision, _query):
        repository = f"{kind}/{name}"
        if self.allowed(repository):
            return
        commit = self.revision(repository, revision or "main")
        if commit:
            body = {"_id": "0" * 24, "id": name, "sha": commit, "private": repository in self.owner.private, "tags": [],
                    "gated": "manual" if repository in self.owner.gated else False, "downloads": 0, "likes": 0,
                    "siblings": [{"rfilename": f} for f in self.owner.files(repository)]}
            if kind == "models":
                body["modelId"] = name
            self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def tree(self, kind, name, revision, query):
        repository = f"{kind}/{name}"
        if self.allowed(repository) or self.gate(repository):
            return
        commit = self.revision(repository, revision)
        if not commit:
            return
        entries, folders = [], set()
        for file, (size, oid, sha256, _) in self.owner.files(repository).items():
            for parent in list(pathlib.PurePosixPath(file).parents)[:-1]:
                if str(parent) not in folders:
                    folders.add(str(parent))
                    entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": str(parent)})
            entry = {"type": "file", "oid": oid, "size": size, "path": file}
            if sha256:
                entry["lfs"] = {"oid": sha256, "size": size, "pointerSize": 130}
            entries.append(entry)
        first, headers = int(query.get("cursor", ["0"])[0]), {"Content-Type": "application/json"}
        if first + self.owner.page < len(entries):
            page = urllib.parse.urlencode({"recursive": "true", "cursor": first + self.owner.page})
            headers["Link"] = f'<{self.owner.endpoint}/api/{repository}/tree/{commit}?{page}>; rel="next"'
        self.send(200, json.dumps(entries[first:first + self.owner.page]).encode(), headers)

    def resolve(self, prefix, name, revision, file, _query):
        repository = f"{prefix or 'models'}/{name}".replace("//", "/")
        if self.allowed(repository) or self.gate(repository):
            return
        commit = self.revision(repository, revision)
        if not commit:
            return
        found = self.owner.files(repository).get(file)
        if not found:
            return self.fail(404, "EntryNotFound", "Entry not found")
        size, oid, sha256, _ = found
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if sha256:
            headers.update({"X-Linked-Size": str(size), "X-Linked-Etag": f'"{sha256}"', "ETag": f'"{oid}"',
                            "Location": f"{self.owner.cdn}/blob/{repository}/{urllib.parse.quote(file)}?signature=abc"})
            self.send(302, b"Found. Redirecting", headers)
        else:
            headers.update({"ETag": f'"{oid}"', "X-Linked-Size": str(size),
                            "Location": f"/api/resolve-cache/{repository}/{commit}/{urllib.parse.quote(file, safe='')}"})
            self.send(307, b"Temporary Redirect", headers)

    def resolve_cache(self, repository, commit, file, _query):
        if self.allowed(repository) or self.gate(repository):
            return
        found = self.owner.files(repository).get(file)
        if not found:
            return self.fail(404, "EntryNotFound", "Entry not found")
        self.body(found[3], {"X-Repo-Commit": commit, "ETag": f'"{found[1]}"'})

    def blob(self, path):
        match = re.fullmatch(r"/blob/((?:models|datasets)/[^/]+/[^/]+)/(.+)", urllib.parse.unquote(path))
        found = match and self.owner.files(match[1]).get(match[2])
        if not found:
            return self.send(404, b"no such blob")
        self.body(found[3], {"ETag": f'"{found[2]}"'})

    def body(self, path, headers):
        data, status = path.read_bytes(), 200
        fault = self.owner.take_fault(self.command, self.path, {"drop", "wrong", "no range", "slow", "short"})
        kind = fault.kind if fault else ""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(data) - 1
        if wanted and kind != "no range":
            first, last = int(wanted[1]), min(int(wanted[2] or last), last)
            if first > last:
                return self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            status, headers = 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
        part = data[first:last + 1]
        if kind == "wrong":
            part = bytes(b ^ 0x55 for b in part)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(part) + (fault.n if kind == "short" else 0)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "slow":
            for i in range(0, len(part), max(1, fault.n // 20)):
                self.wfile.write(part[i:i + max(1, fault.n // 20)])
                time.sleep(0.05)
            return
        self.wfile.write(part[:fault.n] if kind == "drop" else part)
        if kind in ("drop", "short"):
            self.wfile.flush()
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


ROUTES = (
    (r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/([^/]+))?", _Handler.info),
    (r"/api/(models|datasets)/([^/]+/[^/]+)/tree/([^/]+)", _Handler.tree),
    (r"/api/resolve-cache/((?:models|datasets)/[^/]+/[^/]+)/([^/]+)/([^/]+)", _Handler.resolve_cache),
    (r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", _Handler.resolve),
)

if __name__ == "__main__":
    # hub_stand_in.py FOLDER: serves until it is stopped; its first line on stdout is the endpoint
    with HubStandIn(sys.argv[1]) as stand_in:
        print(stand_in.endpoint, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
