"""Frames, streamed from an image folder or a video file, and videos written.

Every frame comes with its true time: video files are read by their own timestamps, also where the rate varies.
"""

from dstan.video.clock import clock
from dstan.video.files import VideoInfo, is_video, video_duration, video_fps, video_info, write_video
from dstan.video.frame import Frame
from dstan.video.frames import check_range, frame_count, read_clip, read_frames
from dstan.video.images import IMAGE_SUFFIXES, list_images

__all__ = [
    "IMAGE_SUFFIXES",
    "Frame",
    "VideoInfo",
    "check_range",
    "clock",
    "frame_count",
    "is_video",
    "list_images",
    "read_clip",
    "read_frames",
    "video_duration",
    "video_fps",
    "video_info",
    "write_video",
]
