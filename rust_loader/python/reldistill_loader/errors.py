"""What the loader raises beside OSError (disk, permissions) and IndexError (a sequence outside of the corpus)."""


class LoaderError(Exception):
    """Base of the loader's own errors. Its text names the place, the cause and what to do next."""


class InputError(LoaderError):
    """An argument or a text is wrong: a line that is no document, a tokenizer that cannot be read, a taken output."""


class CorpusError(LoaderError):
    """A corpus on disk is unfinished, damaged or too new, or a saved position belongs to other batches."""
