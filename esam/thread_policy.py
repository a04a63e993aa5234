"""How the threads of torch wait for each other; set before torch is imported."""

import os


def let_waiting_threads_sleep() -> None:
    """Have OpenMP threads sleep where they wait, unless the environment says otherwise.

    They spin by default, for a millisecond or so. Where a worker encodes and a backend decodes on
    the same cores, each spins away the time that the other needs: a decode of 25 ms took 890 ms
    beside a busy worker, and 44 ms with threads that sleep. On an idle machine that costs a tenth.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
