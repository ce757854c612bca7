"""A typed reader of environment variables that gathers every problem before it complains.

Not here: what the variables mean (`config.settings` and its parts). No value is ever quoted in a problem: it may be
a secret put under the wrong name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

# What Slipway accepts after `--env`.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class Environment:
    """Reads variables from a mapping; `finish` raises once, with all that was wrong.

    A reader that meets a problem notes it and returns the default (or an empty value of the type), so that the
    reading goes on and the person sees the whole list at once. An empty variable counts as absent.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[str] = []

    def has(self, name: str) -> bool:
        return bool(self._variables.get(name, "").strip())

    def problem(self, name: str, what: str) -> None:
        # A variable may be read in two places; its problem is one.
        if (text := f"{name} {what}") not in self._problems:
            self._problems.append(text)

    def text(self, name: str, default: str | None = None) -> str:
        return self._read(name, str, "", default, "")

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        def parse(text: str) -> str:
            if text not in choices:
                raise ValueError
            return text

        return self._read(name, parse, f"must be one of {', '.join(choices)}", default, choices[0])

    def name(self, name: str) -> str:
        def parse(text: str) -> str:
            if not _NAME.fullmatch(text):
                raise ValueError
            return text

        rule = "must have 1 to 32 lower-case letters, digits and hyphens, no hyphen at either end"
        return self._read(name, parse, rule, None, "")

    def boolean(self, name: str, default: bool | None = None) -> bool:
        def parse(text: str) -> bool:
            if text.lower() not in _TRUE | _FALSE:
                raise ValueError
            return text.lower() in _TRUE

        return self._read(name, parse, "must be true or false", default, False)

    def integer(self, name: str, default: int | None = None, *, least: int, most: int) -> int:
        def parse(text: str) -> int:
            number = int(text)
            if not least <= number <= most:
                raise ValueError
            return number

        return self._read(name, parse, f"must be a whole number from {least} to {most}", default, least)

    def list(self, name: str, default: Sequence[str] | None = None) -> list[str]:
        def parse(text: str) -> list[str]:
            return [item.strip() for item in text.split(",") if item.strip()]

        return self._read(name, parse, "must be a comma-separated list", default and list(default), [])

    def finish(self) -> None:
        """Raises `ImproperlyConfigured` with every problem on one line, if there was any."""
        if self._problems:
            count = len(self._problems)
            noun = "problem" if count == 1 else "problems"
            raise ImproperlyConfigured(f"{count} {noun} in the environment variables: {'; '.join(self._problems)}")

    def _read(self, name: str, parse: Callable[[str], T], rule: str, default: T | None, on_problem: T) -> T:
        if not self.has(name):
            if default is not None:
                return default
            self.problem(name, "is missing")
            return on_problem
        try:
            return parse(self._variables[name].strip())
        except ValueError:
            self.problem(name, rule)
            return on_problem if default is None else default
