"""One question to the Hub with an end in sight: is it there, and does it let us in?

``huggingface_hub`` asks for a repository's metadata without a timeout, tries every address of the host in turn and
repeats failed requests, so a machine behind a silent firewall waits for minutes. :func:`ask` is the first question of
every command and ends after :data:`PATIENCE_SECONDS`, also while a name server does not answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeVar

__all__ = ["PATIENCE_SECONDS", "HubUnreachable", "ask", "hub_answers", "refusal", "transport_errors"]

PATIENCE_SECONDS = 10.0
"""Longest wait for the Hub's first answer, in seconds."""

Kind = Literal["model", "data set"]
Answer = TypeVar("Answer")


class HubUnreachable(Exception):
    """The Hub gave no answer. ``str()`` is a clause that says why, to stand inside a message for the user."""


def transport_errors() -> type[Exception]:
    """The base class of the HTTP client's own errors: huggingface_hub 1.x uses httpx, 2.x uses httpx2."""
    from huggingface_hub.errors import HfHubHTTPError

    base: type[Exception] = HfHubHTTPError.__bases__[0]
    return base


def ask(question: Callable[[], Answer]) -> Answer:
    """Run ``question`` (one request through huggingface_hub) and return its answer.

    Raises:
        HubUnreachable: offline mode, no connection, a failing server, or no answer in :data:`PATIENCE_SECONDS`.
        huggingface_hub.errors.HfHubHTTPError: the Hub answered no; see :func:`refusal`.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    answers: list[Answer] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(question())
        except BaseException as error:
            failures.append(error)

    # A thread, since no timeout of the client covers name resolution; a daemon, so that it cannot hold up the exit.
    thread = threading.Thread(target=run, name="ask-hub", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if answers:
        return answers[0]
    if not failures:
        raise HubUnreachable(f"{constants.ENDPOINT} gave no answer within {PATIENCE_SECONDS:.0f} seconds")
    error = failures[0]
    if isinstance(error, OfflineModeIsEnabled):
        raise HubUnreachable("HF_HUB_OFFLINE is set") from error
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status == 429 or status >= 500:
            raise HubUnreachable(f"{constants.ENDPOINT} answers with HTTP status {status}") from error
        raise error
    if isinstance(error, transport_errors()):
        raise HubUnreachable(f"no connection to {constants.ENDPOINT}: {error}") from error
    raise error


def hub_answers() -> bool:
    """Whether the Hub can be reached from here at all."""
    from huggingface_hub import constants, get_session

    try:
        ask(lambda: get_session().head(constants.ENDPOINT, timeout=PATIENCE_SECONDS))
    except (HubUnreachable, OSError, transport_errors()):
        return False
    return True


def refusal(error: Exception, kind: Kind, repo_id: str, revision: str | None) -> tuple[str, str] | None:
    """Message and hint for a "no" of the Hub, or None if ``error`` is something else."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    page = f"{constants.ENDPOINT}/{'' if kind == 'model' else 'datasets/'}{repo_id}"
    token = "set HF_TOKEN to a token of an account that has access, or run `hf auth login`"
    if isinstance(error, GatedRepoError):
        return (
            f"the {kind} '{repo_id}' is gated: the Hub gives it only to accounts that were granted access",
            f"Ask for access at {page}, then {token}.",
        )
    if isinstance(error, RevisionNotFoundError):
        return (
            f"the {kind} '{repo_id}' has no revision '{revision}'",
            f"A revision is a branch, a tag or a full commit hash: {page}/tree/main lists them.",
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"there is no {kind} '{repo_id}' on the Hugging Face Hub, or it is private",
            f"Check the spelling of owner/name; if it is private, {token}.",
        )
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return (
            f"the Hugging Face Hub refused the {kind} '{repo_id}' with HTTP status {status}",
            f"If it needs an account, {token}." if status in (401, 403) else f"Look at {page}.",
        )
    return None
