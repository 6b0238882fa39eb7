"""What every recogniser promises, as checks of any recogniser: ours and yours.

A check is a function of a :class:`Trial`, which says how the method is made and what small clips it is tried on. It
raises :class:`~dstan.errors.ContractError` with a sentence where the method breaks a promise. docs/own-method.md shows
both ways to run them.

Examples
--------
>>> from dstan.checking import check_recognizer
>>> from dstan.recognizers import Majority
>>> check_recognizer(Majority)
"""

from __future__ import annotations

from dstan.checking.answers import (
    check_a_class_missing_from_the_training_part_is_never_named,
    check_a_clip_does_not_depend_on_its_neighbours_or_its_label,
    check_no_clips_no_answers,
    check_other_lengths_and_sizes,
    check_probabilities_labels_and_details_fit_each_other,
)
from dstan.checking.files import (
    check_a_copy_sent_to_a_worker_learns_the_same,
    check_it_says_what_it_is,
    check_save_and_load_give_identical_numbers,
)
from dstan.checking.fits import (
    check_a_seed_decides_everything,
    check_clips_that_cannot_be_learned_from,
    check_fit_forgets,
    check_labels_that_cannot_be_learned,
    check_only_the_streams_that_are_needed,
    check_predict_before_fit,
    check_shared_components_change_nothing,
)
from dstan.checking.folds import (
    check_a_reloaded_fold_gives_the_numbers_of_the_table,
    check_garbage_in_place_of_a_held_out_person_changes_nothing,
    check_garbage_in_place_of_a_training_person_changes_what_is_learned,
    check_held_out_labels_never_reach_a_prediction,
)
from dstan.checking.specimen import CLASSES, Specimen
from dstan.checking.trial import Check, Trial
from dstan.recognizers import Maker

__all__ = ["CHECKS", "CLASSES", "Check", "Specimen", "Trial", "check_recognizer"]

CHECKS: tuple[Check, ...] = (
    check_it_says_what_it_is,
    check_predict_before_fit,
    check_probabilities_labels_and_details_fit_each_other,
    check_no_clips_no_answers,
    check_a_clip_does_not_depend_on_its_neighbours_or_its_label,
    check_a_class_missing_from_the_training_part_is_never_named,
    check_other_lengths_and_sizes,
    check_a_seed_decides_everything,
    check_fit_forgets,
    check_shared_components_change_nothing,
    check_only_the_streams_that_are_needed,
    check_clips_that_cannot_be_learned_from,
    check_labels_that_cannot_be_learned,
    check_save_and_load_give_identical_numbers,
    check_a_copy_sent_to_a_worker_learns_the_same,
    check_held_out_labels_never_reach_a_prediction,
    check_a_reloaded_fold_gives_the_numbers_of_the_table,
    check_garbage_in_place_of_a_held_out_person_changes_nothing,
    check_garbage_in_place_of_a_training_person_changes_what_is_learned,
)
"""What a recogniser promises, the simplest first."""


def check_recognizer(make: Maker, specimen: Specimen | None = None) -> None:
    """See that a recogniser keeps every promise.

    Parameters
    ----------
    make
        Makes it, unfitted: a class or a function whose one argument is the settings, the method's own where left out.
    specimen
        The small clips that it is tried on, and settings that make it quick to fit.

    Raises
    ------
    ContractError
        At the first promise that it breaks.
    """
    trial = Trial(make, specimen)
    for check in CHECKS:
        check(trial)
