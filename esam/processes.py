"""Child processes: stopped politely, then for certain."""

import subprocess

_POLITE_S = 15.0


def stop_process(process: subprocess.Popen[bytes], polite_s: float = _POLITE_S) -> None:
    """Send SIGTERM, and SIGKILL if the process is still there after ``polite_s`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(polite_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
