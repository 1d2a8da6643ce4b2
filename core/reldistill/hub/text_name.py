"""The name of a text data set of the Hub, and the text that a distillation takes when none is named.

A data set is named ``owner/name[:config[+config…]][@revision][#split]``; several configurations (languages, mostly)
are mixed with p_l ∝ n_l^alpha, the sampling of XLM-R: q_i = n_i^alpha / Σ_j n_j^alpha with alpha = 0.3 (Conneau et al. 2020, "Unsupervised
Cross-lingual Representation Learning at Scale", §3.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reldistill.errors import UsageError

__all__ = ["GRAMMAR", "XLM_R_EXPONENT", "HubText", "default_text", "parse_hub_text"]

WIKIPEDIA = "wikimedia/wikipedia"
WIKIPEDIA_REVISION = "b04c8d1ceb2f5cd4588862100d08de323dccfbaa"
WIKIPEDIA_DUMP = "20231101"
XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
XLM_R_EXPONENT = 0.3
OTHER_LANGUAGES = {"camembert": "fr"}
"""Families of one language that is not English."""

GRAMMAR = "owner/name[:config[+config…]][@revision][#split]"
_SPEC = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<configs>[^@#+]+(?:\+[^@#+]+)*))?(?:@(?P<revision>[^@#\s]+))?(?:\#(?P<split>[\w.-]+))?"
)


@dataclass(frozen=True)
class HubText:
    """A text data set of the Hub.

    Attributes:
        repo_id: ``owner/name``.
        configs: the configurations to read; none is the data set's default one.
        revision: a branch, tag or full commit hash; None is the main branch.
        split: the split to read.
        text_column: the column that holds a document as a string.
        exponent: alpha of p_l ∝ n_l^alpha with several configurations, from 0 (all alike) to 1 (by size); None is 1.
    """

    repo_id: str
    configs: tuple[str, ...] = ()
    revision: str | None = None
    split: str = "train"
    text_column: str = "text"
    exponent: float | None = None

    def __str__(self) -> str:
        """The name as a user gives it; :func:`parse_hub_text` reads it."""
        configs = f":{'+'.join(self.configs)}" if self.configs else ""
        revision = f"@{self.revision}" if self.revision else ""
        split = f"#{self.split}" if self.split != "train" else ""
        return f"{self.repo_id}{configs}{revision}{split}"

    @property
    def short_name(self) -> str:
        """The name for messages, where a long list of configurations is only counted."""
        return str(self) if len(self.configs) <= 3 else f"{self.repo_id} ({len(self.configs)} configurations)"


def parse_hub_text(spec: str) -> HubText:
    """Read a data set's name: ``owner/name[:config[+config…]][@revision][#split]``.

    ``wikimedia/wikipedia:20231101.de+20231101.fr@main#train`` is the German and the French part of the main branch.

    Raises:
        UsageError: ``spec`` has another form, or names a configuration twice.
    """
    match = _SPEC.fullmatch(spec.strip())
    if match is None:
        raise UsageError(
            f"'{spec}' is not the name of a data set on the Hub",
            hint=f"The form is {GRAMMAR}, for example {WIKIPEDIA}:{WIKIPEDIA_DUMP}.en or "
            f"{WIKIPEDIA}:{WIKIPEDIA_DUMP}.de+{WIKIPEDIA_DUMP}.fr@main#train. A local file or folder has to exist.",
        )
    configs = tuple(match["configs"].split("+")) if match["configs"] else ()
    if len(set(configs)) < len(configs):
        raise UsageError(
            f"'{spec}' names a configuration twice",
            hint="Each configuration stands once; sizes decide how often it is drawn.",
        )
    return HubText(match["repo"], configs, match["revision"], match["split"] or "train")


def default_text(family: str) -> HubText:
    """The text that a distillation takes without ``--data``, pinned to one commit.

    English Wikipedia (dump of 2023-11-01) for BERT, RoBERTa and families this project does not know; of the same dump the
    French one for ``"camembert"``, and for ``"xlm-r"`` those in the 15 languages of XNLI, which contain the 7 of MLQA, mixed
    with alpha = 0.3.

    This is not the papers' data. BERT's teacher and student saw English Wikipedia and BookCorpus, RoBERTa's its 160 GB
    mix, XLM-R's CC-100 in 100 languages (paper/METHOD.md). BookCorpus and RoBERTa's mix have no open original, CC-100
    loads only by a script; Wikipedia is the part of them that anybody can stream.
    """
    if family == "xlm-r":
        configs = tuple(f"{WIKIPEDIA_DUMP}.{language}" for language in XNLI_LANGUAGES)
        return HubText(WIKIPEDIA, configs, WIKIPEDIA_REVISION, exponent=XLM_R_EXPONENT)
    return HubText(WIKIPEDIA, (f"{WIKIPEDIA_DUMP}.{OTHER_LANGUAGES.get(family, 'en')}",), WIKIPEDIA_REVISION)
