"""The part of a container engine that the kernel does: layers, users, read-only roots, a network.

Stands in for Docker where there is none. A root file system is this machine's own, with layers laid
over it (overlayfs), seen by the processes inside alone (mount namespace); all share a network that
nobody outside sees (network namespace). Linux and root only.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOBODY_ELSE = "--clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs"


def can_contain() -> bool:
    """Whether this machine lets us lay file systems over each other."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    folder = mkdtemp()
    options = f"lowerdir=/,upperdir={folder}/up,workdir={folder}/work"
    script = f"cd {folder} && mkdir up work root && mount -t overlay overlay -o {options} root"
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", script], check=False)
    subprocess.run(["rm", "-rf", folder], check=True)
    return tried.returncode == 0


@dataclass
class Root:
    """A root file system.

    One layer and no more: the kernel refuses layers that lie in each other, and all of them lie in
    this machine's root.

    Attributes:
        layer: a folder laid over this machine's root.
        work: a folder for the kernel's, on the same file system. Each mount has one of its own in
            it: the kernel empties it first, and fails where another mount is doing the same.
    """

    layer: Path
    work: Path

    def script_mount(self) -> str:
        """Shell commands that mount it at ``$root``, where what is written goes into the layer."""
        layers = f"lowerdir=/,upperdir={self.layer}"
        return (
            "root=$(mktemp -d)\n"
            f"work=$(mktemp -d -p {shlex.quote(str(self.work))})\n"
            f'mount -t overlay overlay -o {shlex.quote(layers)},workdir="$work" $root\n'
            "mount --rbind /proc $root/proc\nmount --rbind /dev $root/dev\n"
        )


@dataclass
class Container:
    """What runs in a root.

    Attributes:
        root: its file system.
        environment: all of it.
        folder: where it starts.
        user: ``uid:gid``; None is root with all rights, as in a build.
        is_read_only: whether it can write into its root.
        volumes: folders of this machine by where they are seen.
        tmpfs: where it can write what is not kept.
        network: a process in the network to use; None is this machine's.
    """

    root: Root
    environment: Mapping[str, str]
    folder: str = "/"
    user: str | None = None
    is_read_only: bool = False
    volumes: Mapping[str, Path] = field(default_factory=dict)
    tmpfs: Sequence[str] = ()
    network: int | None = None

    def start(self, command: Sequence[str], **options: int) -> "subprocess.Popen[bytes]":
        """Start a command inside."""
        lines = ["set -e", self.root.script_mount()]
        for place in self.tmpfs:
            lines.append(f"mount -t tmpfs -o mode=1777 tmpfs $root{place}")
        for place, folder in self.volumes.items():
            lines.append(f"mount --bind {shlex.quote(str(folder))} $root{place}")
        if self.is_read_only:
            lines.append("mount -o remount,ro,bind $root")
        inner = f"mkdir -p {self.folder}; " if not self.is_read_only else ""
        inner += f"cd {self.folder} && exec {self._limit_rights()} {shlex.join(command)}"
        assignments = shlex.join(f"{name}={value}" for name, value in self.environment.items())
        lines.append(f"exec env -i {assignments} chroot $root sh -c {shlex.quote(inner)}")
        enter = ["nsenter", f"--net=/proc/{self.network}/ns/net"] if self.network else []
        return subprocess.Popen(
            [
                *enter,
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                "\n".join(lines),
            ],
            **options,  # type: ignore[call-overload]
        )

    def run(self, command: Sequence[str]) -> str:
        """What a command inside prints.

        Raises:
            AssertionError: it fails.
        """
        process = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate()[0].decode(errors="replace")
        assert process.returncode == 0, f"{shlex.join(command)}:\n{output}"
        return output

    def _limit_rights(self) -> str:
        if self.user is None:
            return ""
        uid, _, gid = self.user.partition(":")
        return f"setpriv --reuid={uid} --regid={gid or uid} {NOBODY_ELSE}"


def start_network() -> "subprocess.Popen[bytes]":
    """A process that holds a network in which there is only loopback."""
    script = "ip link set lo up && echo ready && exec sleep infinity"
    process = subprocess.Popen(["unshare", "--net", "sh", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
    return process
