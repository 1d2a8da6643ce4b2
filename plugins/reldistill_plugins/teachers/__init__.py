"""The built-in families of teachers."""

from __future__ import annotations

from collections.abc import Iterable

from reldistill import TeacherAdapter, hookimpl
from reldistill_plugins.teachers.bert import BERT
from reldistill_plugins.teachers.roberta import ROBERTA
from reldistill_plugins.teachers.xlm_r import XLM_R


@hookimpl
def reldistill_teachers() -> Iterable[TeacherAdapter]:
    return [BERT, ROBERTA, XLM_R]
