"""How soon a server that died is started anew: at once, and later where it dies again."""

_LIVES_S = 60.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class RestartPauses:
    """The pauses of servers by name.

    Whoever lived for a minute starts again at once. Who dies sooner waits, up to half a minute:
    what cannot work is tried for as long as it takes, without keeping the machine busy.
    """

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def next_s(self, name: str, lived_s: float) -> float:
        """Seconds to wait.

        Args:
            name: of the server.
            lived_s: from its start to its death.
        """
        last_s = self._last_s.get(name, 0.0)
        longer_s = min(max(2 * last_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._last_s[name] = 0.0 if lived_s >= _LIVES_S else longer_s
        return self._last_s[name]
