from redis import Redis

from worker import Counted, count, read_counters


def test_what_several_add_is_one_number_by_labels(redis: Redis) -> None:
    count(redis, "encodes", device="cpu", batch_size="1")
    count(redis, "encodes", batch_size="1", device="cpu")
    count(redis, "encodes", device="cpu", batch_size="8")
    count(redis, "encode_seconds", 0.25, device="cpu")
    assert read_counters(redis) == [
        Counted("encode_seconds", {"device": "cpu"}, 0.25),
        Counted("encodes", {"device": "cpu", "batch_size": "1"}, 2),
        Counted("encodes", {"device": "cpu", "batch_size": "8"}, 1),
    ]


def test_counters_are_never_evicted(redis: Redis) -> None:
    count(redis, "encodes", device="cpu", batch_size="1")
    assert redis.ttl("esam:counters") == -1


def test_what_somebody_else_put_among_them_is_left_out(redis: Redis) -> None:
    count(redis, "encoded_images", 3, device="cpu")
    for field, amount in (
        (b"\xff", "1"),
        ("[]", "1"),
        ('["a", {"b": 1}]', "1"),
        ('["a", {}]', "x"),
    ):
        redis.hset("esam:counters", field, amount)
    assert read_counters(redis) == [Counted("encoded_images", {"device": "cpu"}, 3)]
