"""Where the rows of a task come from: a local folder in one of the official layouts, or the Hub."""

from reldistill.evaluation.data.content import content_sha256
from reldistill.evaluation.data.labels import label_names
from reldistill.evaluation.data.source import DataSource
from reldistill.evaluation.data.tsv import read_tsv

__all__ = ["DataSource", "content_sha256", "label_names", "read_tsv"]
