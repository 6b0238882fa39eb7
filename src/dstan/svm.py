"""Support vector machines: fitted by scikit-learn, stored as plain arrays, predicted here by the same vote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dstan.config import Settings, setting
from dstan.errors import ConfigError, DstanError, NotFittedError, ShapeError

KERNELS = ("linear", "poly", "rbf", "chi2")


@dataclass(frozen=True)
class SVMSettings(Settings):
    """The classifier of features, and what of it is chosen by people held out of the training clips."""

    kernel: str = setting("linear", "What compares two clips.", choices=KERNELS)
    C: tuple[float, ...] = setting(
        tuple(2.0**power for power in range(-5, 11)),
        "Candidates for the penalty of a violated margin; [1] fixes it.",
        low=1e-9,
        high=1e9,
    )
    gamma: tuple[float, ...] = setting(
        (),
        "Candidates for the kernel's width, not for linear; [] takes it from the training clips: 1 over their mean "
        "distance (chi2), 1 over the number of features and their variance (rbf, poly).",
        low=1e-12,
        high=1e9,
    )
    coef0: float = setting(1.0, "For poly: what is added before the power.", low=0, high=1e3)
    degree: int = setting(2, "For poly: the power.", low=1, high=10)
    standardise: bool = setting(False, "Features have mean 0 and deviation 1 over the training clips.")
    balanced: bool = setting(True, "Rare classes weigh as much as frequent ones.")
    parts: int = setting(5, "Parts of the training people that are held out in turn to choose.", low=2, high=100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.C:
            raise ConfigError("C has no candidate", hint='Give at least one: --set "svm.C=[1]"')
        if self.kernel == "chi2" and self.standardise:
            raise ConfigError("the chi2 kernel compares shares, which standardised features are not", hint="Use rbf")


def compare(kernel: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (n, m) products or distances that a kernel is a function of.

    Parameters
    ----------
    kernel
        One of :data:`KERNELS`.
    one, other
        (n, f) and (m, f) features.

    Returns
    -------
    ``linear``, ``poly``: scalar products; ``rbf``: squared distances; ``chi2``: sums of (a - b)^2 / (a + b), for
    features that are not negative, a term being 0 where both are 0.
    """
    if kernel == "chi2":
        from dstan.descriptors.distances import chi_square

        return chi_square(one, other)
    if kernel == "rbf":
        from sklearn.metrics.pairwise import euclidean_distances

        return np.asarray(euclidean_distances(one, other, squared=True))
    return np.asarray(one @ other.T)


def width(kernel: str, features: NDArray[np.float64], compared: NDArray[np.float64]) -> float:
    """Return the gamma that the training clips suggest; 1 where they do not differ.

    Parameters
    ----------
    kernel
        One of :data:`KERNELS`.
    features
        (n, f) of the training clips.
    compared
        (n, n), what :func:`compare` returns for them.
    """
    n = len(features)
    scale = compared.sum() / max(n * (n - 1), 1) if kernel == "chi2" else features.shape[1] * features.var()
    return 1.0 / float(scale) if scale > 0 else 1.0


def gram(settings: SVMSettings, compared: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """Return the kernel's values.

    Parameters
    ----------
    settings
        The kernel, its power and what is added.
    compared
        What :func:`compare` returned.
    gamma
        The width; without effect on ``linear``.
    """
    if settings.kernel == "linear":
        return compared
    if settings.kernel == "poly":
        powers: NDArray[np.float64] = (gamma * compared + settings.coef0) ** settings.degree
        return powers
    return np.asarray(np.exp(-gamma * compared))


def machine(settings: SVMSettings, C: float, kernel: str = "precomputed") -> Any:
    """Return scikit-learn's unfitted SVM.

    Parameters
    ----------
    settings
        Whether classes are balanced.
    C
        The penalty.
    kernel
        That of scikit-learn.
    """
    from sklearn.svm import SVC

    weights = "balanced" if settings.balanced else None
    return SVC(kernel=kernel, C=C, class_weight=weights, decision_function_shape="ovo")


@dataclass(frozen=True)
class Scaler:
    """Brings features to mean 0 and deviation 1."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float64], standardise: bool) -> Self:
        """Measure (n, f) features; where they are not to be changed, return what changes nothing."""
        mean, scale = np.zeros(features.shape[1]), np.ones(features.shape[1])
        if standardise:
            mean, scale = features.mean(0), features.std(0)
            scale[scale == 0] = 1.0
        return cls(mean, scale)

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (features - self.mean) / self.scale
        return scaled


class SVM:
    """A support vector classifier, one against one (equation 9 where it is linear).

    Parameters
    ----------
    C
        Penalty of a violated margin.
    gamma
        Width of the kernel; None takes it from the training clips.
    settings
        Everything else; its candidates are not looked at.
    """

    def __init__(self, C: float, gamma: float | None, settings: SVMSettings) -> None:
        self.C, self.gamma, self.settings = C, gamma, settings
        self.arrays: dict[str, NDArray[Any]] = {}

    @classmethod
    def linear(cls, C: float = 1.0, *, standardise: bool = True) -> Self:
        """Make a linear one whose classes are not balanced."""
        return cls(C, None, SVMSettings(C=(C,), standardise=standardise, balanced=False))

    def fit(self, features: NDArray[np.float64], labels: NDArray[np.int64], n_classes: int) -> Self:
        """Fit the scaler and the SVM; what was known before is forgotten.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        labels
            (n,) classes counted from 0; some may be absent.
        n_classes
            Classes in all.

        Raises
        ------
        DstanError
            If there are fewer than two classes among the labels.
        """
        present = np.unique(labels)
        if len(present) < 2:
            raise DstanError(
                "an SVM needs clips of at least two classes, and all training clips are of one",
                where="svm",
                hint="Train on more subjects",
            )
        scaler = Scaler.of(features, self.settings.standardise)
        found = self._linear if self.settings.kernel == "linear" else self._curved
        self.arrays = {
            "mean": scaler.mean,
            "scale": scaler.scale,
            **found(scaler(features), labels),
            "present": present.astype(np.float64),
            "n_classes": np.array([n_classes], dtype=np.float64),
        }
        return self

    def restore(self, arrays: Mapping[str, NDArray[Any]], n_classes: int) -> Self:
        """Take over the arrays of a fitted one with the same settings, which may come from a file.

        Parameters
        ----------
        arrays
            What :attr:`arrays` was.
        n_classes
            Classes in all.

        Raises
        ------
        ValueError
            If they are not those of such an SVM.
        """
        if arrays and ("vectors" in arrays) == (self.settings.kernel == "linear"):
            raise ValueError(f"the SVM is of another kernel than {self.settings.kernel}")
        curved = ("vectors", "gamma") if self.settings.kernel != "linear" else ()
        names = {"mean", "scale", "weights", "intercepts", "present", "n_classes", *curved}
        if arrays.keys() != names:
            raise ValueError(f"the SVM lacks or has too much: {', '.join(sorted(names ^ arrays.keys()))}")
        if not all(np.issubdtype(value.dtype, np.number) and np.isfinite(value).all() for value in arrays.values()):
            raise ValueError("an array of the SVM does not hold finite numbers")
        present, width = arrays["present"], arrays["mean"].size
        classes, pairs = len(present), len(present) * (len(present) - 1) // 2
        seen = len(arrays["vectors"]) if curved else width
        shapes: dict[str, tuple[int, ...]] = {
            "mean": (width,),
            "scale": (width,),
            "present": (classes,),
            "n_classes": (1,),
        }
        shapes |= {"weights": (pairs, seen), "intercepts": (pairs,)}
        shapes |= {"vectors": (seen, width), "gamma": (1,)} if curved else {}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} of the SVM is {arrays[name].shape}, not {shape}")
        places = [float(place) for place in present]
        if int(arrays["n_classes"][0]) != n_classes or classes < 2 or (arrays["scale"] == 0).any():
            raise ValueError("the SVM does not fit the classes, or divides by zero")
        if places != sorted(set(places)) or not set(places) <= set(map(float, range(n_classes))):
            raise ValueError("the SVM knows other classes")
        self.arrays = dict(arrays)
        return self

    def _linear(self, scaled: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        fitted = machine(self.settings, self.C, "linear").fit(scaled, labels)
        return {
            "weights": _sign(fitted) * np.asarray(fitted.coef_),
            "intercepts": _sign(fitted) * np.asarray(fitted.intercept_),
        }

    def _curved(self, scaled: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        scaled = scaled.astype(np.float32).astype(np.float64)  # as it is stored
        compared = compare(self.settings.kernel, scaled, scaled)
        gamma = width(self.settings.kernel, scaled, compared) if self.gamma is None else self.gamma
        fitted = machine(self.settings, self.C).fit(gram(self.settings, compared, gamma), labels)
        return {
            "vectors": scaled[fitted.support_].astype(np.float32),
            "weights": _sign(fitted) * _by_pair(fitted.dual_coef_, fitted.n_support_),
            "intercepts": _sign(fitted) * np.asarray(fitted.intercept_),
            "gamma": np.array([gamma]),
        }

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the class with the most votes; of several, the first.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        """
        return self.infer(features)[0]

    def predict_proba(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (n, k) softmax of each class's summed margins; a class absent from the training clips gets 0.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        """
        return self.infer(features)[1]

    def infer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return what :meth:`predict` and :meth:`predict_proba` do, after one comparison with the support vectors.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        """
        present, margins = self._margins(features)
        votes = np.zeros((len(features), len(present)), dtype=np.int64)
        sums = np.zeros((len(features), len(present)))
        for column, (i, j) in enumerate(combinations(range(len(present)), 2)):
            wins = margins[:, column] > 0
            votes[:, i] += wins
            votes[:, j] += ~wins
            sums[:, i] += margins[:, column]
            sums[:, j] -= margins[:, column]
        powers = np.exp(sums - sums.max(1, keepdims=True))
        probabilities = np.zeros((len(features), int(self.arrays["n_classes"][0])))
        probabilities[:, present] = powers / powers.sum(1, keepdims=True)
        return present[votes.argmax(1)], probabilities

    def _margins(self, features: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the classes present, and the margin of each pair (i, j), positive where i wins."""
        if not self.arrays:
            raise NotFittedError("the SVM is not fitted", hint="Call fit first")
        known = self.arrays
        if features.shape[1:] != known["mean"].shape:
            raise ShapeError(
                f"the SVM learned {len(known['mean'])} features of a clip, and here are {features.shape[1]}",
                hint="Prepare the clip as the training clips were",
            )
        scaled = Scaler(known["mean"], known["scale"])(features)
        # row by row: one product of all rows would round a clip's margins by how many there are
        margins = np.array([known["weights"] @ self._seen(row, known) for row in scaled])
        return known["present"].astype(np.int64), margins + known["intercepts"]

    def _seen(self, row: NDArray[np.float64], known: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return what the weights are for: the features, or the kernel's values with each support vector."""
        if self.settings.kernel == "linear":
            return row
        vectors = known["vectors"].astype(np.float64)
        compared = compare(self.settings.kernel, row[None].astype(np.float32).astype(np.float64), vectors)
        return gram(self.settings, compared, float(known["gamma"][0])).ravel()


def _sign(fitted: Any) -> float:
    """Return -1 where scikit-learn turns the margin round, which it does with two classes."""
    return -1.0 if len(fitted.classes_) == 2 else 1.0


def _by_pair(dual: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (pairs, m) weights of the support vectors, which are in the order of their classes."""
    ends = np.cumsum([0, *counts])
    weights = np.zeros((len(counts) * (len(counts) - 1) // 2, ends[-1]))
    for row, (i, j) in zip(weights, combinations(range(len(counts)), 2), strict=True):
        row[ends[i] : ends[i + 1]] = dual[j - 1, ends[i] : ends[i + 1]]
        row[ends[j] : ends[j + 1]] = dual[i, ends[j] : ends[j + 1]]
    return weights
