"""Real servers on loopback, and a go-between that counts what passes and makes it go wrong on demand."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

PATIENCE = 120  # seconds until a server must have come up


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def started(command: list[str], port: int, log: Path) -> Iterator[str]:
    """A server's address while it runs."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with log.open("w") as stream, subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as process:
        try:
            for _ in range(10 * PATIENCE):
                assert process.poll() is None, log.read_text()[-3000:]
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


@contextmanager
def transformers_serve(log: Path) -> Iterator[str]:
    """`transformers serve`, which loads the folder that a request names as its model."""
    port = free_port()
    tool = str(Path(sys.executable).with_name("transformers"))
    with started([tool, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"], port, log) as address:
        yield address


@contextmanager
def vllm_serve(python: Path, model: Path, log: Path) -> Iterator[str]:
    """vLLM on the CPU, from an environment of its own, with `model` under the name of its folder."""
    port = free_port()
    module = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    asked = ["--served-model-name", str(model), "--host", "127.0.0.1", "--port", str(port)]
    small = ["--dtype", "float32", "--max-model-len", "1024", "--enforce-eager"]
    with started([*module, *asked, *small], port, log) as address:
        yield address


class Between:
    """A go-between: `fault(number, body)` names what goes wrong with a request, '' if nothing.

    Attributes:
        bodies: what was asked, in order of coming.
        paths: where, with what follows a question mark.
        delivered: what was asked and fully replied to.
        most: requests at a time, the most there were.
        hold_after: replies after which all others wait for ever; None for none.
    """

    def __init__(self, target: str, fault: Callable[[int, dict[str, Any]], str] = lambda *_: "") -> None:
        self.target, self.fault = target, fault
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.delivered: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.now = self.most = 0
        self.hold_after: int | None = None
        self.changed = Condition()
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                between.handle(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def handle(self, connection: BaseHTTPRequestHandler) -> None:
        text = connection.rfile.read(int(connection.headers["content-length"]))
        with self.changed:
            number = len(self.bodies)
            self.bodies.append(json.loads(text))
            self.headers.append(dict(connection.headers))
            self.paths.append(connection.path)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            status, reply, more = self.reply(self.fault(number, self.bodies[number]), text)
            with self.changed:
                self.changed.wait_for(lambda: self.hold_after is None or len(self.delivered) < self.hold_after)
                if reply is None:  # the connection is cut
                    connection.close_connection = True
                    return
                connection.send_response(status)
                for name, value in (more | {"content-length": str(len(reply))}).items():
                    connection.send_header(name, value)
                connection.end_headers()
                connection.wfile.write(reply)
                if status == 200:
                    self.delivered.append(text.decode())
                    self.changed.notify_all()
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked is gone
        finally:
            with self.changed:
                self.now -= 1

    def reply(self, fault: str, text: bytes) -> tuple[int, bytes | None, dict[str, str]]:
        kind = {"content-type": "application/json"}
        if fault == "cut":
            return 200, None, {}
        if fault == "malformed":
            return 200, b'{"choices": [{"mess', kind
        if fault == "empty":
            return 200, b'{"choices": []}', kind
        if fault == "page":
            return 200, b"<html>Bad gateway</html>", {"content-type": "text/html"}
        if fault == "slow":
            time.sleep(4)
        elif fault.isdigit():
            return int(fault), b'{"error": {"message": "no", "code": "x"}}', kind | {"retry-after": "0.1"}
        elif fault:
            status, _, body = fault.partition(" ")
            return int(status), body.encode(), kind
        asked = urllib.request.Request(f"{self.target}/chat/completions", text, kind)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as found:
            return found.status, found.read(), kind
