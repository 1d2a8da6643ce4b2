"""Runs to look at: read from their folders, drawn as pages, held side by side. Imports no torch."""

from reldistill.report.comparison import Comparison, compare_runs
from reldistill.report.comparison_page import comparison_page, write_comparison
from reldistill.report.find_runs import BrokenRun, find_run, list_runs
from reldistill.report.rows import read_rows
from reldistill.report.run_page import run_page, write_report
from reldistill.report.run_summary import Run, Student, read_run

__all__ = [
    "BrokenRun", "Comparison", "Run", "Student", "compare_runs", "comparison_page", "find_run", "list_runs", "read_rows",
    "read_run", "run_page", "write_comparison", "write_report",
]  # fmt: skip
