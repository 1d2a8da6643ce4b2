"""A study in miniature: does distillation of relations do, at a size that two cores can pay for, what the paper says?

python -m studies.miniature run --teachers DIR --data DIR    runs what is not done yet
python -m studies.miniature status                           says what is done, and what it took
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Annotated

import typer
from studies.miniature.draw import draw, stale
from studies.miniature.found import Found
from studies.miniature.plan import BUDGET_HOURS, cells, folder
from studies.miniature.result_file import Results
from studies.miniature.sitting import Sitting

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
CORES = 2
PAGES = ("docs/how-to/read-a-report.md",)
"""Pages of the docs that show some of the tables."""


@app.command()
def run(
    teachers: Annotated[Path, typer.Option(help="Folder with bert-6x384 and xlmr-12x384.", exists=True)],
    data: Annotated[Path, typer.Option(help="Folder with glue/ and text/.", exists=True)],
    work: Annotated[Path, typer.Option(help="Corpora, runs and logs.")] = Path("studies/miniature/work"),
    hours: Annotated[float, typer.Option(help="The budget: hours of two cores, over all sittings.")] = BUDGET_HOURS,
    workers: Annotated[int, typer.Option(help="Cells at once, one core each.", min=1)] = CORES,
    only: Annotated[str, typer.Option(help="Only cells whose names begin so; several with commas.")] = "",
) -> None:
    """Run the cells that are not done yet, in order, until the budget is spent. Ctrl-C saves; the same command goes on."""
    work.mkdir(parents=True, exist_ok=True)
    for name, target in (("teachers", teachers), ("data", data), ("configs", folder() / "configs")):
        link = work / name
        if link.is_symlink():
            link.unlink()
        link.symlink_to(target.resolve())
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"error: another sitting is at work in {work}") from None
        sitting = Sitting(
            work, Results(folder() / "results"), hours * 3600 * CORES, workers, lambda text: print(text, flush=True),
            root=folder().parents[1],
        )  # fmt: skip
        try:
            plan = cells()
            sitting.run(plan, [cell for cell in plan if cell.name.startswith(tuple(only.split(",")))])
        except KeyboardInterrupt:
            print("stopped; the same command goes on", flush=True)
            raise SystemExit(130) from None
    if sitting.failed:
        raise SystemExit(f"error: {len(sitting.failed)} cells failed: {', '.join(sitting.failed)}")


@app.command()
def status() -> None:
    """Say which cells are done and what is left of the budget."""
    results = Results(folder() / "results")
    for cell in cells():
        found = results.of(cell.name)
        print(f"{'done' if results.is_done(cell) else 'open':5} {found['seconds'] if found else '':>8} {cell.name}")
    spent = results.seconds_spent() / 3600 / CORES
    print(f"{spent:.2f} of {BUDGET_HOURS:g} hours of {os.cpu_count()} cores spent")


@app.command("draw")
def draw_page(
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether page and figures are what the JSON says.")
    ] = False,
) -> None:
    """Write the tables of README.md and the figures from the results."""
    found = Found(Results(folder() / "results"))
    pages = [folder().parents[1] / page for page in PAGES]
    if not check:
        draw(folder(), found, *pages)
    elif wrong := stale(folder(), found, *pages):
        raise SystemExit(f"error: not what the JSON says: {', '.join(wrong)}; python -m studies.miniature draw")


if __name__ == "__main__":
    app()
