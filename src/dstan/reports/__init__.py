"""A report turns a run into one page that says what was found, how sure that is, and what may be claimed."""

from dstan.reports.page import write_report

__all__ = ["write_report"]
