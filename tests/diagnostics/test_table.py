"""How the statistics print themselves, and their plain data."""

import json
from itertools import pairwise


def test_it_prints_itself_and_is_plain_data(linear):
    statistics = linear(mean=0.01, signal=0.5, noise=0.5).statistics(n=64, budget=12)
    text = str(statistics)
    lines = text.splitlines()
    assert lines[0] == "LevelStatistics: 64 draws on 3 levels, 5 parameters"
    assert [line.split()[:2] for line in lines[2:5]] == [["2", "16×16"], ["1", "8×8"], ["0", "4×4"]]
    assert len({len(line) for line in lines[1:5]}) == 1
    assert lines[-1].startswith("Advice: ")
    plain = json.loads(json.dumps(statistics.to_dict(), allow_nan=False))
    assert plain["covariance"] == [list(row) for row in statistics.covariance]
    assert plain["advice"] == statistics.advice
    sizes = plain["batch_sizes"]["batch_sizes"]
    assert all(a >= b for a, b in pairwise(sizes)) and all(n == int(n) for n in sizes)
