"""How streams are joined."""

import numpy as np
import pytest

from dstan.errors import ConfigError
from dstan.fusion import FusionSettings, average


def test_average_weighs_both_streams_alike() -> None:
    np.testing.assert_allclose(average([np.array([[1.0, 0.0]]), np.array([[0.2, 0.8]])]), [[0.6, 0.4]])


def test_unknown_fusion_is_named() -> None:
    with pytest.raises(ConfigError, match="Choose one of: svm, average"):
        FusionSettings(method="svn")
