"""Extractive question answering: files, windows, spans, answers and the official scores of SQuAD and MLQA."""
