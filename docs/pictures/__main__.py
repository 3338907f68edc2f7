"""Draws the pictures of the documents, into docs/images.

    python docs/pictures

Charts are drawn from the tables in benchmarks/results, and hold a digest of what they show: a test
finds those that are out of date. The others are made of photographs that come with scikit-image.
"""

import charts
import photographs
import schedules

for module in (charts, schedules, photographs):
    for name, draw in module.PICTURES.items():
        draw()
        print(f"docs/images/{name}")
