"""How often a run in a budget of time validates, and on how many images."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.1
"""Of a budget of time, that validations may take where their number is left open."""

FEWEST = 5
"""Validations, before there are fewer images."""


@dataclass(frozen=True)
class ValidationPlan:
    """What a run validates.

    Attributes:
        validations: evenly spread over the work; each stage also ends with one.
        images: of each.
    """

    validations: int
    images: int

    @classmethod
    def within(
        cls,
        seconds: float,
        per_image: float,
        stages: int,
        most: ValidationPlan,
        *,
        times_open: bool,
        images_open: bool,
    ) -> ValidationPlan:
        """As much as `most`, or as fits into `SHARE` of the time: fewer times, then fewer images.

        What is not open stays, whatever it costs.

        >>> both = {"times_open": True, "images_open": True}
        >>> ValidationPlan.within(180, 0.02, 4, ValidationPlan(40, 64), **both)
        ValidationPlan(validations=11, images=64)
        >>> ValidationPlan.within(180, 0.2, 4, ValidationPlan(40, 64), **both)
        ValidationPlan(validations=5, images=11)

        Args:
            seconds: of the whole run.
            per_image: seconds that validating one image takes.
            stages: of the schedule.
            most: what is wanted.
            times_open, images_open: what may be less.
        """
        affordable = SHARE * seconds / per_image if per_image > 0 else float("inf")  # images in all
        times, images, ends = most.validations, most.images, stages - 1
        if times_open and images * (times + ends) > affordable:
            fewest = min(FEWEST, times)
            times = max(min(int(affordable / images) - ends, times), fewest)
        if images_open and images * (times + ends) > affordable:
            images = max(min(int(affordable / (times + ends)), images), 1)
        if times_open and images * (times + ends) > affordable:
            times = max(min(int(affordable / images) - ends, times), 1)
        return cls(times, images)
