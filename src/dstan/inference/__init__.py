"""Inference takes a trained model to new video: the same recipe and the same recogniser that evaluation used."""

from __future__ import annotations

from dstan.inference.predict import Look, Model, Prediction, load_model, predict_video

__all__ = ["Look", "Model", "Prediction", "load_model", "predict_video"]
