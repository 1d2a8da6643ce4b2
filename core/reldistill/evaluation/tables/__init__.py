"""The paper's tables, filled with our results: built as plain data, then rendered."""
