"""Tasks whose corruption has a length, in pixels or in the scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from telegrad.tasks.base import LevelRule, Task

Sized = TypeVar("Sized", bound="SizedTask")


@dataclass(frozen=True, kw_only=True)
class SizedTask(Task):
    """A task whose corruption has a length, which a rule carries to coarse levels.

    Attributes:
        default_rule: where none is said.
        finest: (height, width) in pixels of the level where lengths are meant; see `at_size`.
    """

    default_rule: ClassVar[LevelRule]

    level_rule: LevelRule | None = None
    finest: tuple[int, int] | None = field(default=None, init=False)

    @property
    def rule(self) -> LevelRule:
        """The level rule that holds."""
        return self.level_rule or self.default_rule

    @property
    def finest_size(self) -> tuple[int, int]:
        """(height, width) of the finest level.

        Raises:
            ValueError: if the task was not put on one.
        """
        if self.finest is None:
            raise ValueError(
                f"{type(self).__name__}: level_rule={self.rule} needs the size of the finest "
                f"level: task.at_size((height, width))."
            )
        return self.finest

    def at_size(self: Sized, finest: tuple[int, int]) -> Sized:
        """The task with its lengths meant on a finest level of (height, width) pixels.

        Raises:
            ValueError: unless both are 1 or more.
        """
        if len(finest) != 2 or min(finest) < 1:
            raise ValueError(
                f"{type(self).__name__}.at_size: got {finest}; needs (height, width) in pixels."
            )
        height, width = finest
        return self._copy((int(height), int(width)))

    def for_patches(self: Sized) -> Sized:
        """The task by the pixel rule.

        Raises:
            ValueError: if the physical rule was asked for.
        """
        if self.level_rule == "physical":
            raise ValueError(
                f"{self.name}: patches have the finest level's pixels, and level_rule=physical is "
                f"for restricted images; use level_rule=pixel, or leave it out."
            )
        return self._copy(self.finest, level_rule="pixel")

    def _copy(self: Sized, finest: tuple[int, int] | None, **changes: Any) -> Sized:
        copy = replace(self, **changes)
        object.__setattr__(copy, "finest", finest)
        return copy
