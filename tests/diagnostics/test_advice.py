"""What the statistics say to do."""

import json
import math

import torch


def test_advice(prescribed):
    torch.manual_seed(0)
    problem, n = prescribed(40), 48
    mean, common, x, y = torch.full((40,), 0.3), *torch.randn(3, n, 40)
    coarse_first = problem.statistics([mean + common + 0.1 * x, mean + common])
    assert coarse_first.advice.startswith("Train on level 0 first: ")
    # The coarse mean gradient leads elsewhere, but its noise is the fine one's.
    coupled = problem.statistics([common + 0.1 * x, mean + common])
    assert coupled.advice.startswith("Use ") and "less work for the same variance" in coupled.advice
    strangers = problem.statistics([x, mean + y])
    assert "does not pay here" in strangers.advice
    one_level = problem.statistics([mean + common])
    assert one_level.gain(one_level.allocation()) == (1, 1, 1)
    assert "one level" in one_level.advice
    noise = problem.statistics([x, y - y.mean(0)])
    assert "don't tell the finest mean gradient from 0" in str(noise)
    json.dumps(noise.to_dict(), allow_nan=False)


def test_few_or_wild_draws_are_not_trusted(linear, prescribed):
    few = linear().statistics(n=5)
    assert "Too few draws (5)" in few.advice
    assert math.isnan(few.gain(few.allocation()).low)
    assert "Too few draws" in str(few)
    rows = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
    rows[0] *= 1000
    assert "variance on level 0 can't be trusted: kurtosis 4" in str(
        prescribed(4).statistics([rows, rows])
    )
