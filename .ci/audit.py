"""Looks up what requirements.lock names among known vulnerabilities (OSV's, by pip-audit).

Arguments go to pip-audit: `--ignore-vuln ID` for one that does not concern this product.

Exit code 1 for a vulnerability, and for a failure that nobody foresaw. A service that cannot be
reached is no fault of a change: then nothing was looked up, which is said, and the exit code is 0.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
_AWAY = re.compile(
    r"requests\.exceptions\.(ConnectionError|ProxyError|SSLError|\w*Timeout)|\b50[234] Server Error"
)
_LAST_LINES = 15


def audit(options: Sequence[str]) -> int:
    """Say what is known of the locked packages; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "pip_audit", "--requirement", str(_LOCK), "--no-deps",
            "--disable-pip", "--progress-spinner", "off", "--vulnerability-service", "osv",
            "--format", "json", "--output", str(report), *options,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if report.is_file():
            return _tell(json.loads(report.read_text())["dependencies"])
    if _AWAY.search(done.stderr):
        print("NOT AUDITED: the service that knows vulnerabilities cannot be reached from here")
        return 0
    print("\n".join(done.stderr.splitlines()[-_LAST_LINES:]), file=sys.stderr)
    return 1


def _tell(dependencies: Sequence[dict[str, Any]]) -> int:
    looked_up = [one for one in dependencies if "skip_reason" not in one]
    found = [(one, known) for one in looked_up for known in one["vulns"]]
    for one, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}")
    print(
        f"{len(looked_up)} of {len(dependencies)} packages looked up; vulnerabilities: {len(found)}"
    )
    return 1 if found or not looked_up else 0


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:]))
