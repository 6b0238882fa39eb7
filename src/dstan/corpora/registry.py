"""The corpora by name."""

from __future__ import annotations

from dstan.corpora.cas_me_2 import CAS_ME_2
from dstan.corpora.cas_me_3 import CAS_ME_3_A, CAS_ME_3_C
from dstan.corpora.casme import CASME
from dstan.corpora.casme2 import CASME2
from dstan.corpora.corpus import Corpus
from dstan.corpora.folder import FOLDER
from dstan.corpora.four_dme import FOUR_DME
from dstan.corpora.mmew import MMEW
from dstan.corpora.samm import SAMM
from dstan.corpora.smic import SMIC_HS, SMIC_NIR, SMIC_VIS
from dstan.corpora.smic_e import SMIC_E

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        CASME,
        CASME2,
        SMIC_HS,
        SMIC_VIS,
        SMIC_NIR,
        SMIC_E,
        SAMM,
        CAS_ME_2,
        CAS_ME_3_A,
        CAS_ME_3_C,
        MMEW,
        FOUR_DME,
        FOLDER,
    )
}
"""Every corpus that dstan reads."""
