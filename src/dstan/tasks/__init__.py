"""Tasks: which annotated emotions make which classes.

A task names its classes in the order of every table, and for each corpus that it serves the column that it reads, the
class of each word in it, the words that it leaves out on purpose, and the counts that a complete copy must give.
"""

from dstan.tasks.custom import find_task, read_task
from dstan.tasks.known import TASKS, tasks_of
from dstan.tasks.task import Source, Task, apply_task, differences, source_of

__all__ = ["TASKS", "Source", "Task", "apply_task", "differences", "find_task", "read_task", "source_of", "tasks_of"]
