"""`dialer up` as a person and an operating system meet it: started, killed, started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from dialer.__main__ import main
from dialer.twin.config import TwinConfig
from dialer.twin.server import start_twin
from tests.acceptance.line import CALLER_ID, DEFINITION, phone

RECOVERY = "placing=3,first_absence=5,absence=2,lookup=3"
LEADS = 12


def environment(data_dir: Path, port: int, **more: str) -> dict[str, str]:
    ours = ("DIALER_", "PLIVO_", "DATABASE_URL", "DEEPGRAM_", "OPENAI_", "CARTESIA_", "ELEVENLABS_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return inherited | {
        "DIALER_DATA_DIR": str(data_dir),
        "DIALER_BIND": f"127.0.0.1:{port}",
        "DIALER_CLOCK_START": "2026-11-23T11:00:00+05:30",
        "DIALER_RECOVERY": RECOVERY,
        **more,
    }


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def dialer(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dialer", *words],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Up:
    """A running `dialer up`: its ready line, its process, a client with its key."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    client: httpx.Client

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=45)


@contextmanager
def running(env: Mapping[str, str], log: Path) -> Iterator[Up]:
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "dialer", "up", "--json"],
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        ready = json.loads(line)
        headers = {"authorization": f"Bearer {ready['api_key']}"}
        with httpx.Client(base_url=ready["url"], headers=headers, timeout=20) as client:
            yield Up(process, ready, client)
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a customer's system, and the ids of the events that it was told."""
    told: list[str] = []

    class Hooks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            told.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: it stands beside the test's own output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hooks) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks", told
        finally:
            server.shutdown()
            thread.join()


def pids_of(data_dir: Path) -> list[int]:
    """The Postgres and the twin of a data folder."""
    twin = json.loads((data_dir / "twin.json").read_text())["pid"]
    postgres = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    return [twin, postgres]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(look: Callable[[], Any], limit_s: float = 60.0) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
    return found


def post(client: httpx.Client, path: str, **request: Any) -> Any:
    reply = client.post(path, **request)
    assert reply.status_code < 300, reply.text
    return reply.json()


def launch(up: Up, data_dir: Path) -> str:
    """Start a campaign of quick people through the REST API; return its id."""
    twin_url = json.loads((data_dir / "twin.json").read_text())["url"]
    quick = {"ring_s": 0.5, "answer_after_s": 0.5, "reactions": [{"keys": "1", "after_s": 2}]}
    people = {phone(number): quick for number in range(LEADS)}
    post(up.client, f"{twin_url}/twin/callees", json=people)
    sender = {
        "a2p": {"reference": "A2P-1", "declared_on": "2026-01-01", "objective": "reminders"},
        "caller_ids": [{"number": CALLER_ID, "series": "1601"}],
    }
    assert up.client.put("/api/v1/sender", json=sender).status_code == 200
    rows = "".join(f"{number},Asha,inferred,2026-01-05\n" for number in people)
    csv = f"phone,name,consent_kind,consent_at\n{rows}".encode()
    leads = post(up.client, "/api/v1/lists", files={"file": ("a.csv", csv)}, data={"name": "a"})
    # Calls that were up when we died end as failed: our outage, so they are tried again.
    again = {"retry": {"max_attempts": 4, "delays": {"failed": ["PT1S"], "no_answer": ["PT1S"]}}}
    body = {"name": "c", "list_id": leads["id"], "definition": DEFINITION | again}
    campaign = post(up.client, "/api/v1/campaigns", json=body)["id"]
    reply = up.client.put(f"/api/v1/campaigns/{campaign}/state", json={"state": "running"})
    assert reply.json()["state"] == "running", reply.text
    return str(campaign)


def test_up_is_ready_with_nothing_configured_and_leaves_no_process(tmp_path: Path) -> None:
    env = environment(tmp_path / "data", free_port())
    del env["DIALER_CLOCK_START"]
    with running(env, tmp_path / "log") as up:
        assert up.ready.keys() == {"event", "url", "api_key", "carrier"}
        assert (up.ready["event"], up.ready["carrier"]) == ("ready", "twin")
        assert up.client.get("/health/ready").json()["status"] == "ready"
        assert up.client.get("/metrics").status_code == 200
        pids = pids_of(tmp_path / "data")
        assert all(map(is_running, pids))
        assert up.stop(signal.SIGINT) == 0
    assert not any(map(is_running, pids)), "Ctrl-C leaves no process"


def test_a_campaign_killed_in_the_middle_finishes_without_a_second_ring(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    env = environment(data_dir, free_port())
    with listening() as (url, told):
        with running(env, tmp_path / "log") as up:
            webhook = post(up.client, "/api/v1/webhooks", json={"url": url})["id"]
            campaign = launch(up, data_dir)
            until(lambda: len(_calls(up)) >= 4)
            assert up.stop(signal.SIGKILL) == -signal.SIGKILL
        time.sleep(1.0)
        with running(env, tmp_path / "log") as up:
            stats = until(lambda: _stats_if_finished(up, campaign))
            calls = _calls(up)
            ended = sum(1 for call in calls if call["state"] == "ended")
            events = until(lambda: _events_if_told(up, webhook, ended), 90)
            twin_url = json.loads((data_dir / "twin.json").read_text())["url"]
            rings = httpx.get(f"{twin_url}/twin/ledger").json()["rings"]
            results = up.client.get(f"/api/v1/campaigns/{campaign}/results?format=json").json()
            assert up.stop(signal.SIGTERM) == 0
    rang = {c["request_uuid"] for c in calls if c["state"] not in ("refused", "never_placed")}
    assert sorted(ring["request_uuid"] for ring in rings) == sorted(rang)
    assert stats["leads"] == LEADS == len(results)
    assert {row["state"] for row in results} == {"done"}
    per_intent = [ring["answer_url"] for ring in rings]
    assert len(per_intent) == len(set(per_intent)), "no phone rang twice for one intent"
    assert {event["id"] for event in events} == set(told), "all is told, by the ids it was kept by"
    assert dialer("audit", "verify", env=env).returncode == 0


def _events_if_told(up: Up, webhook: str, ended: int) -> list[dict[str, Any]] | None:
    """All events, once as many calls as have ended were told of; none while one is to be told."""
    path = f"/api/v1/webhooks/{webhook}/deliveries?limit=500"
    items: list[dict[str, Any]] = up.client.get(path).json()["items"]
    kinds = Counter(item["type"] for item in items if item["state"] == "delivered")
    is_told = kinds.total() == len(items) and kinds["call.ended"] >= ended
    return items if is_told else None


def _calls(up: Up) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = up.client.get("/api/v1/calls?limit=500").json()["items"]
    return items


def _stats_if_finished(up: Up, campaign: str) -> Any:
    reply = up.client.get(f"/api/v1/campaigns/{campaign}/stats")
    if reply.status_code >= 500:
        return None  # its database may be away for a moment
    stats = reply.json()
    return stats if stats["state"] == "finished" else None


def test_a_killed_postgres_is_started_again_under_a_running_campaign(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(environment(data_dir, free_port()), tmp_path / "log") as up:
        campaign = launch(up, data_dir)
        until(lambda: len(_calls(up)) >= 3)
        os.kill(pids_of(data_dir)[1], signal.SIGKILL)
        stats = until(lambda: _stats_if_finished(up, campaign))
        calls = _calls(up)
        twin_url = json.loads((data_dir / "twin.json").read_text())["url"]
        rings = httpx.get(f"{twin_url}/twin/ledger").json()["rings"]
        assert up.stop(signal.SIGTERM) == 0
    rang = {c["request_uuid"] for c in calls if c["state"] not in ("refused", "never_placed")}
    assert sorted(ring["request_uuid"] for ring in rings) == sorted(rang)
    assert stats["done"] == {"confirmed": LEADS}


BAD_INPUT = [
    (["up"], {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}, 1, "DATABASE_URL"),
    (["up"], {"DATABASE_URL": "mysql://x"}, 2, "DATABASE_URL"),
    (["up"], {"PLIVO_AUTH_ID": "MADIALERTWIN00000001"}, 2, "PLIVO_AUTH_TOKEN"),
    (["up"], {"DIALER_BIND": "nowhere"}, 2, "DIALER_BIND"),
    (["up"], {"DIALER_DATA_DIR": "/dev/null/x"}, 1, "DIALER_DATA_DIR"),
    (["leads", "import", "none.csv", "--list", "a"], {}, 1, "none.csv"),
    (["leads", "import", "none.csv"], {}, 2, "--list"),
    (["campaign", "create", "none.toml", "--list", "a"], {}, 1, "none.toml"),
]


@pytest.mark.parametrize(("words", "change", "code", "says"), BAD_INPUT)
def test_bad_input_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    change: dict[str, str],
    code: int,
    says: str,
) -> None:
    monkeypatch.setattr(os, "environ", environment(tmp_path / "data", free_port()) | change)
    try:
        ended_with: int | str | None = main(words)
    except SystemExit as ended:  # of argparse
        ended_with = ended.code
    said = capsys.readouterr().err
    assert ended_with == code, said
    assert says in said and len(said.strip().splitlines()) == 1


def test_a_process_ends_with_its_one_clear_line(tmp_path: Path) -> None:
    words, change, code, says = BAD_INPUT[0]
    done = dialer(*words, env=environment(tmp_path / "data", free_port()) | change)
    assert done.returncode == code, done.stderr
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1


async def test_wrong_credentials_are_named_before_anything_is_dialed(tmp_path: Path) -> None:
    twin = await start_twin(TwinConfig(port=0))
    wrong = {
        "PLIVO_AUTH_ID": "MA0000000000000000XX",
        "PLIVO_AUTH_TOKEN": "not-the-token-of-anyone",
        "PLIVO_API_URL": twin.api_url,
    }
    env = environment(tmp_path / "data", free_port()) | wrong
    del env["DIALER_CLOCK_START"]
    done = await asyncio.to_thread(dialer, "up", env=env)
    await twin.stop()
    assert done.returncode == 1
    assert "PLIVO_AUTH_TOKEN" in done.stderr and "Traceback" not in done.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = dialer("up", env=environment(tmp_path / "data", port))
    assert done.returncode == 1
    assert f"DIALER_BIND: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert not (tmp_path / "data").exists(), "nothing half done"
