"""The built-in families of teachers."""

from __future__ import annotations

from collections.abc import Iterable

from reldistill import TeacherAdapter, hookimpl
from reldistill_plugins.teachers.bert import BERT
from reldistill_plugins.teachers.camembert import CAMEMBERT
from reldistill_plugins.teachers.data2vec_text import DATA2VEC_TEXT
from reldistill_plugins.teachers.ernie import ERNIE
from reldistill_plugins.teachers.modernbert import MODERNBERT
from reldistill_plugins.teachers.roberta import ROBERTA
from reldistill_plugins.teachers.roberta_prelayernorm import ROBERTA_PRELAYERNORM
from reldistill_plugins.teachers.xlm_r import XLM_R


@hookimpl
def reldistill_teachers() -> Iterable[TeacherAdapter]:
    return [BERT, ROBERTA, XLM_R, CAMEMBERT, DATA2VEC_TEXT, ERNIE, ROBERTA_PRELAYERNORM, MODERNBERT]
