"""
Schedules, side by side
=======================

*Which strategies are there?* Each is a function that returns a ``Schedule``: which level, how many
images a step, for how long. Here they are, all of 400 work units on the same grids.
"""

import matplotlib.pyplot as plt

from telegrad import GridHierarchy, schedules

grids = GridHierarchy(finest=(128, 128), levels=4)
made = {
    "single": schedules.single(grids),
    "multiscale": schedules.multiscale(grids, batch_sizes=(32, 16, 8, 4)),
    "fullmultiscale": schedules.fullmultiscale(grids, batch_sizes=(32, 16, 8, 4)),
    "cascadic": schedules.cascadic(grids, batch_sizes=(8, 8, 8, 4)),
    "progressive_resizing": schedules.progressive_resizing(grids),
    "auto": schedules.auto(grids, 400),
}
made = {name: schedule.with_work(400) for name, schedule in made.items()}
for name, schedule in made.items():
    print(f"{name:20} {schedule.steps:6,} steps of {schedule.work_units:,.0f} work units")

# %%
# One of them, printed.

print(made["auto"])

# %%
# Where the work goes. A bar is a stage, as long as its part of the work, from its coarsest to its
# finest level; in it the number of its steps. ``auto`` makes most of its steps where they are
# cheap; ``multiscale`` and ``fullmultiscale`` sum over all levels of a stage.

figure, axes = plt.subplots(figsize=(11, 5), layout="constrained")
for row, schedule in enumerate(made.values()):
    begin = 0.0
    for stage in schedule.stages:
        work = stage.steps * schedule.step_cost(stage)
        width = work / schedule.work_units
        color = plt.cm.viridis(stage.finest / (grids.levels - 1) * 0.85 + 0.15)
        ink = "k" if stage.finest > 1 else "w"
        several = len(stage.batch_sizes) > 1
        axes.barh(row, width, left=begin, color=color, edgecolor="w", hatch="//" if several else "")
        if width > 0.05:
            axes.text(
                begin + width / 2, row, f"{stage.steps:,}", ha="center", va="center", color=ink
            )
        begin += width
for level in range(grids.levels):
    size = "×".join(map(str, grids.shape(level)))
    axes.barh(
        0, 0, color=plt.cm.viridis(level / (grids.levels - 1) * 0.85 + 0.15), label=f"finest {size}"
    )
axes.set(yticks=range(len(made)), yticklabels=made, xlabel="part of the work")
axes.invert_yaxis()
figure.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
