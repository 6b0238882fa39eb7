"""Facial micro-expression recognition: the DSTAN paper, from a folder of video to an honest report."""

__version__ = "0.1.0"
