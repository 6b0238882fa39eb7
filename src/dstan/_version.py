"""The version, alone, so that any floor may read it."""

__version__ = "0.1.0"
