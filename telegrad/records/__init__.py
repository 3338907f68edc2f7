"""What a run leaves on disk, and where it lies."""

from telegrad.records.directory import RunDirectory, best_of, run_directories
from telegrad.records.environment import environment, processor
from telegrad.records.lock import locked
from telegrad.records.loggers import LOGGERS, check_loggers
from telegrad.records.own_files import refuse_foreign
from telegrad.records.records import NoRecords, Records, replaced
from telegrad.records.tables import last_row

__all__ = [
    "LOGGERS",
    "NoRecords",
    "Records",
    "RunDirectory",
    "best_of",
    "check_loggers",
    "environment",
    "last_row",
    "locked",
    "processor",
    "refuse_foreign",
    "replaced",
    "run_directories",
]
