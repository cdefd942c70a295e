"""What the studio refuses: other hosts and origins, wrong tokens, odd paths, too much at once."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from _forked import PATIENCE, wait_until
from _loops import run_alone
from starlette.testclient import TestClient

from saddlepoint.core.json_files import write_json
from saddlepoint.studio import events, guard, server
from saddlepoint.studio.guard import TOKEN_HEADER

OURS = "http://127.0.0.1:8000"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs as other programs might leave them: one whole, one damaged, and a secret beside them."""
    folder = tmp_path / "runs"
    for name in ("one", "two"):
        (folder / name / "samples").mkdir(parents=True)
        write_json(folder / name / "config.json", {"schema": 1, "config": {"preset": "gan"}})
        write_json(folder / name / "status.json", {"state": "finished", "n_images": 10})
    (folder / "two" / "config.json").write_text("{")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return folder


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    app = server.create_app(runs)
    with TestClient(app, OURS, raise_server_exceptions=False, follow_redirects=False) as client:
        client.headers[TOKEN_HEADER] = app.state.studio.token
        yield client


def test_it_answers_only_pages_of_its_own(client: TestClient) -> None:
    assert client.get("/runs").status_code == 200
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8000",
        "",
        "[::",
        "evil.example@127.0.0.1",
    ):
        assert client.get("/runs", headers={"host": host}).status_code == 403
    for host in ("localhost:8000", "127.0.0.1:9000", "[::1]:8000", "LOCALHOST"):
        assert client.get("/runs", headers={"host": host}).status_code == 200
    foreign = ("http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8000")
    for origin in foreign:
        for method, path in (("GET", "/api/runs/"), ("POST", "/api/runs/one/delete")):
            answer = client.request(method, path, headers={"origin": origin}, json={})
            assert answer.status_code == 403
    assert client.get("/api/runs/", headers={"origin": OURS}).status_code == 200
    cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get("/api/runs/one/picture", headers=cross).status_code == 403
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/runs", headers=link).status_code == 200
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert client.request(method, "/api/runs/one").status_code == 405


def test_a_command_needs_the_token(client: TestClient, runs: Path) -> None:
    for token in ("", "wrong", client.headers[TOKEN_HEADER][:-1]):
        answer = client.post("/api/runs/one/delete", json={}, headers={TOKEN_HEADER: token})
        assert (answer.status_code, "token" in answer.json()["error"]["en"]) == (403, True)
    # A token in the address would be in logs and histories.
    path = f"/api/runs/one/delete?token={client.headers.pop(TOKEN_HEADER)}"
    assert client.post(path, json={}).status_code == 403
    assert (runs / "one").is_dir()
    assert client.get("/api/runs/one/delete").status_code == 405


def test_another_host_needs_its_own_token(runs: Path) -> None:
    app = server.create_app(runs, "0.0.0.0", "let-me-in")
    with TestClient(app, "http://192.168.1.5:8000", follow_redirects=False) as client:
        for path in ("/runs", "/api/runs/", "/static/studio.js", "/events?tab=12345678"):
            assert client.get(path).status_code == 401
            assert client.get(path, params={"token": "wrong", "tab": "x"}).status_code == 401
        assert client.post("/api/runs/one/stop?token=let-me-in", json={}).status_code == 401
        answer = client.get("http://192.168.1.5:8000//evil.example/x?token=let-me-in&q=1")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/evil.example")
        answer = client.get("/runs?token=let-me-in&q=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs?q=1")
        assert {"httponly", "samesite=strict"} <= set(
            answer.headers["set-cookie"].lower().split("; ")
        )
        assert client.get("/runs").status_code == 200
        assert client.post("/api/runs/one/stop", json={}).status_code == 403
        assert client.get("/runs", headers={"host": "evil.example"}).status_code == 403


ODD = ["%2e%2e", "../secret.png", "..%2fsecret.png", "%2e%2e%2fsecret.png", "..%5csecret.png"]
ODD += ["....//secret.png", "%252e%252e%252fsecret.png", "/etc/passwd", "%2fetc%2fpasswd", "%00"]
ODD += ["one%00", "C:%5cWindows", "~", "\u202e", "%ff%fe", "a" * 4000]


@pytest.mark.parametrize("odd", ODD)
def test_no_name_leads_out_of_what_is_listed(client: TestClient, odd: str) -> None:
    shapes = ["/static/{}", "/texts/{}.js", "/api/runs/{}", "/api/runs/{}/picture", "/api/live/{}"]
    shapes += ["/api/live/one/samples/{}", "/api/live/{}/figures", "/{}", "/api/{}"]
    shapes += ["/api/compare/{}/samples"]
    for shape in shapes:
        answer = client.get(shape.format(odd))
        assert answer.status_code in (307, 404), (shape, answer.status_code)
        assert b"secret" not in answer.content.replace(b"secret.png", b"")
        assert b"Traceback" not in answer.content
    for shape in ("/api/runs/{}/delete", "/api/runs/{}/stop", "/api/runs/trash/{}/restore"):
        assert client.post(shape.format(odd), json={}).status_code in (307, 404, 405)


def test_bodies_are_small_whole_and_of_the_right_shape(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/start/check"
    assert client.post(path, content=b"x" * 70_000).status_code == 413
    # Announced smaller than it is, or not at all.
    pieces = (b"x" * 1000 for _ in range(100))
    assert client.post(path, content=pieces).status_code == 413
    for length in ("99999999999999999999", "-1", "x"):
        answer = client.post(path, content=b"{}", headers={"content-length": length})
        assert answer.status_code in (400, 413)
    bad = [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"NaN",
        b'{"preset": NaN}',
        b"[" * 60_000,
    ]
    bad += [
        b'{"preset": NaN}',
        b'{"preset": 3}',
        b'{"changes": []}',
        b'{"unheard": 1}',
        b'{"minutes": "1"}',
    ]
    for body in bad:
        answer = client.post(path, content=body)
        assert answer.status_code == 400, body[:40]
        assert len(answer.json()["error"]["en"]) < 400

    async def slow() -> object:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b"", "more_body": True}

    monkeypatch.setattr(guard, "MOST_SECONDS", 0.05)
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [
        (b"host", b"127.0.0.1"),
        (TOKEN_HEADER.encode(), client.headers[TOKEN_HEADER].encode()),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
    }
    run_alone(client.app(scope, slow, send))
    assert sent[0]["status"] == 408


def test_a_fault_of_its_own_shows_no_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.studio.library import Library

    def fail(library: object) -> None:
        raise ZeroDivisionError("a private detail")

    monkeypatch.setattr(Library, "runs", fail)
    answer = client.get("/api/runs/")
    assert answer.status_code == 500
    assert "fault of its own" in answer.json()["error"]["en"]
    assert "private" not in answer.text
    # The guard's headers are on every answer, whatever it is.
    for path in ("/api/runs/", "/runs", "/nowhere", "/static/studio.js"):
        headers = client.get(path).headers
        assert "'unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.fixture
def address(runs: Path) -> Iterator[tuple[str, int]]:
    """A studio on a real socket."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    app = server.create_app(runs)
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, ws="none")
    real = server._Server(config, app.state.studio.events)
    thread = threading.Thread(target=real.run, kwargs={"sockets": [listening]})
    thread.start()
    wait_until(lambda: real.started, "it does not start")
    yield listening.getsockname()[:2]
    real.should_exit = True
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive()


def test_an_answer_is_sent_at_once() -> None:
    """With Nagle's algorithm it waits 40 ms for the browser to acknowledge its headers."""
    with (
        server._listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_two_hundred_streams_and_readers_that_do_not_read(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 220)
    base = "http://{}:{}".format(*address)

    def stream(tab: str) -> socket.socket:
        connection = socket.create_connection(address)
        connection.sendall(f"GET /events?tab={tab} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return connection

    # None of them ever reads.
    deaf = [stream(f"tab-{number:05}") for number in range(200)]
    for number in range(20):
        assert httpx.get(f"{base}/api/runs/", timeout=PATIENCE).status_code == 200, number
    # Above the limit the oldest one makes room.
    more = [stream(f"more-{number:05}") for number in range(40)]
    heard = b""
    more[-1].settimeout(PATIENCE)
    while b"retry" not in heard:
        heard += more[-1].recv(1000)
    # The same tab again is one stream, not two.
    again = [stream("more-00000") for _ in range(50)]
    assert httpx.get(f"{base}/runs", timeout=PATIENCE).status_code == 200
    for connection in (*deaf, *more, *again):
        connection.close()
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_events_are_told_once_in_order_and_a_slow_reader_starts_again() -> None:
    async def story() -> None:
        told = events.Events()
        told.begin()
        queue = told.open("tab-1", "")
        other = told.open("tab-2", "")
        assert await queue.get() == await other.get() == b"retry: 1000\n\n"
        told.publish("run", {"id": "a"})
        told.publish("game-frame", {"n": 1}, tab="tab-1")
        first, second = await queue.get(), await queue.get()
        assert b"event: run" in first
        assert b"event: game-frame" in second
        last = first.split(b"\n")[0].removeprefix(b"id: ").decode()
        # A tab that comes back gets what it missed, and nobody else's.
        for tab, missed in (("tab-1", 1), ("tab-2", 0)):
            back = told.open(tab, last)
            assert back.qsize() == 1 + missed
        for unknown in ("other-1", f"{last}9999x", "x"):
            back = told.open("tab-3", unknown)
            await back.get()
            assert b"event: reset" in await back.get()
        for number in range(1000):
            told.publish("run", {"id": str(number)})
        await asyncio.sleep(0)
        slow = told.open("tab-4", "")
        for number in range(300):
            told.publish("run", {"id": str(number)})
        await asyncio.sleep(0)
        assert slow.qsize() < 256
        assert b"event: reset" in await slow.get()

    run_alone(story())


def test_nobody_holds_up_its_end(tmp_path: Path) -> None:
    stuck = (
        "import sys, threading, time; from pathlib import Path;"
        "from saddlepoint.studio import library, server; server._LAST_SECONDS = 1.0;"
        "library.Library.runs = lambda self: time.sleep(600);"
        "server.serve(Path(sys.argv[1]), '127.0.0.1', 0)"
    )
    command = [sys.executable, "-c", stuck, str(tmp_path)]
    studio = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert studio.stderr is not None
    port = int(re.findall(r"127\.0\.0\.1:(\d+)", studio.stderr.readline())[0])
    head = "HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    # A handler that computes without end, a stream that is not read, half a request, half a body.
    asked = ["GET /api/runs/ {}\r\n", "GET /events?tab=12345678 {}\r\n", "GET /runs {}"]
    asked += ["POST /api/start/check {}Content-Length: 9\r\n\r\n{{"]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in asked]
    for client, text in zip(clients, asked, strict=True):
        client.sendall(text.format(head).encode())
    assert clients[1].recv(15) == b"HTTP/1.1 200 OK"
    studio.terminate()
    assert "has stopped" in studio.communicate(timeout=PATIENCE)[1]
    for client in clients:
        client.close()
