"""Schedules side by side: which level, for how much of the work."""

from __future__ import annotations

from charts import plots, save

from telegrad import GridHierarchy, schedules


def draw() -> None:
    import matplotlib.pyplot as plt

    grids = GridHierarchy(finest=(128, 128), levels=4)
    made = {
        "single": schedules.single(grids),
        "multiscale": schedules.multiscale(grids, batch_sizes=(32, 16, 8, 4)),
        "fullmultiscale": schedules.fullmultiscale(grids, batch_sizes=(32, 16, 8, 4)),
        "cascadic": schedules.cascadic(grids, batch_sizes=(8, 8, 8, 4)),
        "progressive\nresizing": schedules.progressive_resizing(grids),
        "auto": schedules.auto(grids, 400),
    }
    figure, axes = plots(9, 3.8)
    colors = plt.cm.viridis([0.0, 0.28, 0.56, 0.84])
    for row, schedule in enumerate(schedule.with_work(400) for schedule in made.values()):
        begin = 0.0
        for stage in schedule.stages:
            width = stage.steps * schedule.step_cost(stage) / schedule.work_units
            hatch = "//" if len(stage.batch_sizes) > 1 else ""
            axes.barh(
                row, width, left=begin, color=colors[stage.finest], edgecolor="w", hatch=hatch
            )
            if width > 0.06:
                place = {"ha": "center", "va": "center", "fontsize": 8}
                place["color"] = "k" if stage.finest == 3 else "w"
                axes.text(begin + width / 2, row, f"{stage.steps:,} steps", **place)
            begin += width
    for level, color in enumerate(colors):
        size = "×".join(map(str, grids.shape(level)))
        axes.barh(0, 0, color=color, label=f"level {level}, {size}")
    axes.barh(0, 0, color="0.7", hatch="//", edgecolor="w", label="and all below it, summed")
    axes.set(yticks=range(len(made)), yticklabels=made, xlabel="part of the work")
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    save(figure, "schedules.svg", "python docs/pictures")


PICTURES = {"schedules.svg": draw}
