"""The look at known vulnerabilities, with a stand-in for the service that knows them."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

AUDIT = Path(__file__).resolve().parents[2] / ".ci" / "audit.py"


@contextmanager
def run_service(known: Mapping[str, object], status: int = 200) -> Iterator[str]:
    """A service as api.osv.dev, which knows these vulnerabilities by package; its URL."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(known.get(asked["package"]["name"], {})).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def audit(url: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, AUDIT, "--osv-url", url], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_a_known_vulnerability_fails_the_run_and_says_where_it_is_fixed() -> None:
    events = [{"introduced": "0"}, {"fixed": "99.1"}]
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    affected = [{"package": {"name": "jinja2", "ecosystem": "PyPI"}, "ranges": ranges}]
    known = {"id": "PYSEC-1999-1", "details": "a hole", "aliases": [], "affected": affected}
    with run_service({"jinja2": {"vulns": [known]}}) as url:
        code, out = audit(url)
    assert code == 1
    assert "PYSEC-1999-1, fixed in 99.1" in out
    assert out.endswith("packages looked up; vulnerabilities: 1\n")


def test_packages_of_which_nothing_is_known_pass() -> None:
    with run_service({}) as url:
        code, out = audit(url)
    assert (code, "vulnerabilities: 0" in out) == (0, True)


def test_a_service_that_is_away_or_at_fault_is_told_and_fails_nothing() -> None:
    with run_service({}, status=503) as url:
        at_fault = audit(url)
    for code, out in (at_fault, audit("http://127.0.0.1:1/v1/query")):
        assert (code, out.startswith("NOT AUDITED")) == (0, True)


def test_any_other_failure_is_one() -> None:
    with run_service({}, status=404) as url:
        assert audit(url) == (1, "")
