"""From frames to arrays: landmarks, alignment, temporal interpolation, optical flow, and the cache of all that.

A recipe is stateless: nothing here is fitted, so what it makes of a clip can be cached and shared by every fold.
"""
