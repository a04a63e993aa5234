from esam.restart_pauses import RestartPauses


def test_a_server_that_lived_is_started_again_at_once() -> None:
    pauses = RestartPauses()
    assert [pauses.next_s("worker-1", 3600) for _ in range(100)] == [0] * 100


def test_one_that_does_not_live_waits_longer_each_time_and_is_never_given_up() -> None:
    pauses = RestartPauses()
    assert [pauses.next_s("worker-1", 5) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses.next_s("worker-2", 5) == 1, "each has pauses of its own"
    assert pauses.next_s("worker-1", 61) == 0
    assert pauses.next_s("worker-1", 5) == 1
