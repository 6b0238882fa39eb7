"""The card of a model: what it is, what it learned from, how well it does, and what it is not for.

Everything that a card says is in ``model.json``; ``card.md`` is made from it, for who reads the folder without dstan.
"""

from dstan.reports.card.data import describe_data
from dstan.reports.card.writing import body_of, card_text, write_card

__all__ = ["body_of", "card_text", "describe_data", "write_card"]
