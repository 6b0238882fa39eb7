"""The layouts that a twin can have: one file a corpus, one row here."""

from dstan.synthesis.layouts.cas_me_2 import CAS_ME_2
from dstan.synthesis.layouts.cas_me_3 import CAS_ME_3_A, CAS_ME_3_C
from dstan.synthesis.layouts.casme import CASME
from dstan.synthesis.layouts.casme2 import CASME2
from dstan.synthesis.layouts.four_dme import FOUR_DME
from dstan.synthesis.layouts.layout import CodedEvent, Crop, Layout, PlannedVideo, WriteTables
from dstan.synthesis.layouts.mmew import MMEW
from dstan.synthesis.layouts.samm import SAMM
from dstan.synthesis.layouts.smic import SMIC_HS, SMIC_NIR, SMIC_VIS
from dstan.synthesis.layouts.smic_e import SMIC_E

LAYOUTS: dict[str, Layout] = {
    layout.corpus: layout
    for layout in (
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
    )
}
"""The layouts that can be written, by the corpus's name."""

__all__ = ["LAYOUTS", "CodedEvent", "Crop", "Layout", "PlannedVideo", "WriteTables"]
