"""Wrong values of every option: one line that says what is wrong, and nothing else."""

import random

import pytest

from telegrad.runs.build import build_learning_rate, build_objective, build_schedule
from telegrad.runs.component import KINDS
from telegrad.runs.compose import compose, names_of, parser_for, selected

VALUES = [
    *("", " ", "\0", "nan", "-inf", ".inf", "-1", "0", "1e400", "3.5", "1e308", "99999999999999999999"),
    *("null", "true", "[]", "{}", "[1,2", "a: b", "x" * 3000, "ünïcödé", "[null]", "8,4", "--", "!!python/object:os.system"),
]  # fmt: skip


def options_of(**chosen):
    return sorted(names_of(parser_for(selected(chosen))))


CASES = [
    *({"task": name} for name in KINDS["task"].names()),
    *({"strategy": name, "budget": "500wu"} for name in KINDS["strategy"].names()),
    *({"data": name} for name in KINDS["data"].names()),
    *({"optimizer": name} for name in ("Adam", "AdamW", "SGD")),
    *({"loss": name} for name in KINDS["loss"].names()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: " ".join(c.values()))
def test_every_option_takes_a_value_or_says_in_one_line_why_not(case):
    part = next(iter(case))
    draw = random.Random(str(case))
    names = [name for name in options_of(**case) if name != "strategy.budget" or part != "strategy"]
    own = [name for name in names if name.startswith(f"{part}.")]
    tried = [(name, value) for name in own for value in draw.sample(VALUES, 3)]
    tried += [(name, draw.choice(VALUES)) for name in draw.sample(names, 8)]
    for name, value in tried:
        try:
            config = compose({**case, name: value})
            build_schedule(config)
            build_objective(config)
            build_learning_rate(config)
        except ValueError as error:
            assert len(str(error).splitlines()) == 1, f"{name}={value!r}: {error}"
