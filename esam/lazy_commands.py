"""Commands that are imported when they are called: torch alone takes seconds to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def make_app(**options: Any) -> typer.Typer:
    """An application, or a command of one, with what is the same in all of them.

    Help is Markdown: square brackets and line breaks mean there what they mean to people. The
    outermost application alone tells shells how to complete.
    """
    return typer.Typer(
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings=_HELP_NAMES,
        **{"add_completion": False, **options},
    )


@dataclass(frozen=True)
class LazyCommand:
    """Where a command is found.

    Attributes:
        module: of this package.
        attribute: a function, or a ``typer.Typer`` of several commands.
        panel: the heading that it is listed under.
        help: the first line of its help.
    """

    module: str
    attribute: str
    panel: str
    help: str

    def load(self, name: str) -> Any:
        """The command itself, as click has it."""
        found = getattr(import_module(f".{self.module}", __package__), self.attribute)
        if not isinstance(found, typer.Typer):
            alone = make_app()
            alone.command(name)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = name
        return command


def make_lazy_group(commands: Mapping[str, LazyCommand]) -> type[TyperGroup]:
    """A group that lists all commands and imports the one that is called."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """The command, or what a list shows of it while it is not imported."""
            if cmd_name in self.commands or cmd_name not in commands:
                return self.commands.get(cmd_name)
            listed = commands[cmd_name]
            return TyperCommand(cmd_name, help=listed.help, rich_help_panel=listed.panel)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] in commands and args[0] not in self.commands:
                self.add_command(commands[args[0]].load(args[0]), args[0])
            return super().resolve_command(ctx, args)

    return LazyGroup
