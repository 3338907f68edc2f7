"""Whether a loader can go on from another one's state: with the same samples, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegrad.schedules import Schedule, Stage

CALL = "ScheduledLoader.load_state_dict"


def check_state(state: Any, stream: Mapping[str, Any], given: Schedule, timed: bool) -> None:
    """Raises TypeError for what `state_dict` did not give, ValueError for that of another stream.

    Args:
        state: of a loader; one of an earlier version may say less.
        stream: what decides, in the loader that is to go on, which samples come.
        given: the schedule that it was made with.
        timed: whether that has a budget of time.
    """
    if not (isinstance(state, dict) and state.keys() >= {"done", "position", "stages", "pace"}):
        raise TypeError(f"{CALL}: got {state!r:.80}; needs what its state_dict() gave.")
    if (state["pace"] is None) == timed:
        raise ValueError(
            f"{CALL}: one of the schedules has a budget of time, and the other none; needs the "
            f"same kind of budget."
        )
    then = {name: state[name] for name in stream if name in state and state[name] != stream[name]}
    if then:
        now = {name: stream[name] for name in then}
        raise ValueError(
            f"{CALL}: {then} then, {now} now; needs the same, or the samples would be others."
        )
    if "given" in state and tuple(Stage(**stage) for stage in state["given"]) != given.stages:
        raise ValueError(
            f"{CALL}: the loader is made with another schedule than the state is from; needs the "
            f"same. A new schedule goes on in the same stream of samples by loader.seek(step, "
            f"state['position']), with the step of it to begin with."
        )
