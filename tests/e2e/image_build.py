"""Carries out a Dockerfile's instructions, in containers of ours."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from dockerfile_parse import DockerfileParser

from .containers import PATH, Container, Root

_CACHES = shutil.ignore_patterns("__pycache__")
# How this machine reaches the package index; a build takes it from the machine it runs on.
_OF_THE_MACHINE = ("PIP_", "UV_", "HTTP", "http", "NO_PROXY", "no_proxy", "SSL_", "REQUESTS_")


@dataclass
class Stage:
    """A stage after its last instruction.

    Attributes:
        root: its file system.
        environment: what ``ENV`` set, and the PATH.
        arguments: what ``ARG`` declared.
        folder: of ``WORKDIR``.
        user: of ``USER``.
        entrypoint: of ``ENTRYPOINT``.
    """

    root: Root
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str | None = None
    entrypoint: list[str] = field(default_factory=list)


class ImageBuild:
    """Builds a target and what it needs.

    Args:
        context: the folder of the Dockerfile.
        folder: for the layers.
        arguments: ``--build-arg``.
    """

    def __init__(self, context: Path, folder: Path, arguments: Mapping[str, str]) -> None:
        self._context = context
        self._folder = folder
        self._given = dict(arguments)
        self._stages: dict[str, Stage] = {}
        with (context / "Dockerfile").open("rb") as file:
            parsed = DockerfileParser(fileobj=file).structure
        self._parts: dict[str, list[tuple[str, str]]] = {}
        name = ""
        for line in parsed:
            instruction, value = line["instruction"], line["value"]
            if instruction == "FROM":
                name = value.split()[-1]
                self._parts[name] = []
            if name and instruction != "COMMENT":
                self._parts[name].append((instruction, value))

    def build(self, target: str) -> Stage:
        """A stage, built once."""
        if target not in self._stages:
            stage: Stage | None = None
            for instruction, value in self._parts[target]:
                if instruction == "FROM":
                    stage = self._begin(target, value.split()[0])
                else:
                    assert stage is not None
                    getattr(self, f"_do_{instruction.lower()}")(stage, value)
            assert stage is not None
            self._stages[target] = stage
        return self._stages[target]

    def _begin(self, name: str, parent: str) -> Stage:
        layer, work = self._folder / name / "layer", self._folder / name / "work"
        work.mkdir(parents=True)
        if parent in self._parts:
            base = self.build(parent)
            _copy(base.root.layer, layer)
            root = Root(layer, work)
            return Stage(root, dict(base.environment), {}, base.folder, base.user, base.entrypoint)
        assert parent.startswith("python:"), f"no stand-in for {parent}"
        _copy_python(layer / "usr" / "local")
        stage = Stage(Root(layer, work))
        # Else a user who may not read this machine's Python gets Debian's library of it.
        self._do_run(stage, "ldconfig")
        return stage

    def _do_arg(self, stage: Stage, value: str) -> None:
        name, _, default = value.partition("=")
        stage.arguments[name] = self._given.get(name, default)

    def _do_workdir(self, stage: Stage, value: str) -> None:
        stage.folder = value

    def _do_user(self, stage: Stage, value: str) -> None:
        stage.user = value

    def _do_expose(self, stage: Stage, value: str) -> None:
        """A port is open or not whatever the image says of it."""

    def _do_env(self, stage: Stage, value: str) -> None:
        for assignment in shlex.split(value):
            name, _, text = assignment.partition("=")
            stage.environment[name] = Template(text).substitute(stage.environment)

    def _do_entrypoint(self, stage: Stage, value: str) -> None:
        stage.entrypoint = json.loads(value)

    def _do_cmd(self, stage: Stage, value: str) -> None:
        """The compose file says what runs."""

    def _do_run(self, stage: Stage, value: str) -> None:
        machine = {k: v for k, v in os.environ.items() if k.startswith(_OF_THE_MACHINE)}
        environment = machine | {"HOME": "/root"} | stage.environment | stage.arguments
        Container(stage.root, environment, stage.folder).run(["sh", "-c", value])

    def _do_copy(self, stage: Stage, value: str) -> None:
        first, *sources, target = value.split()
        if first.startswith("--from="):
            self._copy_from(self.build(first.removeprefix("--from=")), stage, sources, target)
            return
        for source in (first, *sources):
            place = Path(stage.folder) / target
            place = place / Path(source).name if target.endswith("/") else place
            self._copy_in(self._context / source, stage.root.layer / str(place).lstrip("/"))

    def _copy_in(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_CACHES, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)

    def _copy_from(self, origin: Stage, stage: Stage, sources: list[str], target: str) -> None:
        (source,) = sources
        assert source == target, "a folder to the same place is all that is done here"
        found = origin.root.layer / source.lstrip("/")
        place = stage.root.layer / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        # Gigabytes; neither stage is written to after this.
        subprocess.run(["cp", "-al", str(found), str(place)], check=True)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _copy_python(target: Path) -> None:
    """This machine's Python where Docker's image has it, without what was installed into it."""

    def ignore(folder: str, names: list[str]) -> list[str]:
        left_out = {"__pycache__", "site-packages", "test", "share"}
        return [name for name in names if name in left_out]

    shutil.copytree(sys.base_prefix, target, symlinks=True, ignore=ignore)
    (target / "bin" / "python").unlink(missing_ok=True)
    (target / "bin" / "python").symlink_to("python3")
