"""Threads that wait sleep, unless somebody who knows better says otherwise."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "seen"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_policy_is_there_before_torch_is(given: str | None, seen: str) -> None:
    program = (
        "import os, sys, esam.lazy_commands as lazy\n"
        "lazy.LazyCommand.load = lambda *_: sys.exit("
        "os.environ['OMP_WAIT_POLICY'] + ' ' + str('torch' in sys.modules))\n"
        "sys.argv = ['esam', 'worker']\n"
        "from esam.__main__ import main\nmain()"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.stderr.split() == [seen, "False"]
