from __future__ import annotations

from corpus_copies import casme2

from dstan.corpora import load_corpus


def test_clips_of_a_small_copy(tmp_path):
    clips = load_corpus("casme2", casme2(tmp_path))
    assert [clip.clip_id for clip in clips] == ["EP02_01f", "EP19_05f", "EP12_01f"]
