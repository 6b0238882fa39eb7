"""Facial motion drawn directly, as optical flow: no picture, no licence, thousands of clips in a second.

What moves is what moves drawn faces (:mod:`dstan.synthesis.action_units`), with the probabilities of
:mod:`dstan.synthesis.emotions`. What contaminates it, and from which ranges, is :class:`MotionSettings`.
"""

from dstan.synthesis.motion.classes import UNITS
from dstan.synthesis.motion.draw import DrawnMotion, MotionArtist
from dstan.synthesis.motion.settings import CONTAMINATIONS, MotionSettings

__all__ = ["CONTAMINATIONS", "UNITS", "DrawnMotion", "MotionArtist", "MotionSettings"]
