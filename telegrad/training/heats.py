"""Heats of a run: weights are put back before each, and the run goes on from the best."""

from __future__ import annotations

import copy
from typing import Any

from telegrad.records import Records
from telegrad.training.state import TrainingState


def run_heats(state: TrainingState, records: Records, valid_loss: float | None) -> bool:
    """Between two stages: weights for the next one, if either is a heat.

    Args:
        state: in which weights, optimizer and average change, and the schedule after a round.
        records: are told of a round's end.
        valid_loss: of the validation that the last step ended with; None before the first step.

    Returns whether the schedule has changed.
    """
    heats, done, before, settled = state.heats, state.progress.iteration, state.schedule, False
    if heats is None:
        return False
    number = None if valid_loss is None else heats.heat_that_ends(state.schedule, done)
    if number is not None and valid_loss is not None:
        if heats.leads(state.schedule, number, valid_loss):
            state.leading = weights_of(state)
        state.schedule = heats.pruned(state.schedule, number)
        settled = heats.ends_round(state.schedule, number)
        put_back(state, state.leading if settled else state.before_heat)
    if settled:
        state.schedule = heats.settled(state.schedule)
        records.event(f"iteration {done}: {heats.reason(state.schedule)}")
    if heats.round_begins(state.schedule, done):
        state.before_heat = weights_of(state)
    elif settled:
        state.before_heat = state.leading = None
    return state.schedule is not before


def weights_of(state: TrainingState) -> dict[str, Any]:
    """A copy of what an update changes."""
    average = None if state.average is None else state.average.state_dict()
    return copy.deepcopy(
        {
            "network": state.network.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "average": average,
            "scaler": None if state.scaler is None else state.scaler.state_dict(),
        }
    )


def put_back(state: TrainingState, weights: dict[str, Any] | None) -> None:
    """The weights as they were; they may be put back again."""
    assert weights is not None
    weights = copy.deepcopy(weights)
    state.network.load_state_dict(weights["network"])
    state.optimizer.load_state_dict(weights["optimizer"])
    if state.average is not None:
        state.average.load_state_dict(weights["average"])
    if state.scaler is not None and weights.get("scaler") is not None:
        state.scaler.load_state_dict(weights["scaler"])
