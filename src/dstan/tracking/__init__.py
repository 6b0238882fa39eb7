"""Tracking: what is known of a finished run or model, as rows of an MLflow server of your own choice.

Nothing is asked for that is not in the folder already, so a folder can be logged, and logged again, at any time.
"""

from dstan.tracking.folders import records_of, runs_of
from dstan.tracking.record import Record
from dstan.tracking.server import Server

__all__ = ["Record", "Server", "records_of", "runs_of"]
