"""Descriptors: arrays of frames or flow in, features out; each can be used without the rest of the package."""
