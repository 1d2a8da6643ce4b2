"""Cells are run in order, once, within the budget; what a sitting ended goes on in the next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from studies.miniature.cell import Cell
from studies.miniature.result_file import Results
from studies.miniature.sitting import Sitting

ROOT = Path(__file__).parents[2]


def cell(name: str, code: str = "print('{}')", **options: Any) -> Cell:
    """One that runs a few lines of Python; ``note`` writes its name down."""
    return Cell(name, (sys.executable, "-c", f"open('order', 'a').write('{name} ')\n{code}"), **options)


class Study:
    """A folder to work in, and its results."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.results = Results(folder / "results")
        self.said: list[str] = []

    def sit(
        self, *plan: Cell, workers: int = 1, budget: float = 1e9, wanted: tuple[Cell, ...] | None = None
    ) -> Sitting:
        sitting = Sitting(self.work, self.results, budget, workers, self.said.append, ROOT)
        sitting.run(plan, plan if wanted is None else wanted)
        return sitting

    @property
    def order(self) -> list[str]:
        return (self.work / "order").read_text().split()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_what_a_cell_needs_goes_before_it(study: Study) -> None:
    study.sit(cell("last", needs=("middle",)), cell("middle", needs=("first",)), cell("first"), cell("free"))
    assert study.order == ["first", "middle", "last", "free"]


def test_what_is_wanted_alone_takes_along_what_it_needs(study: Study) -> None:
    last = cell("last", needs=("first",))
    study.sit(cell("other"), last, cell("first"), wanted=(last,))
    assert study.order == ["first", "last"]


def test_an_answer_is_kept_with_its_command_and_what_it_took(study: Study) -> None:
    study.sit(cell("one", "print('{\"answer\": 42}')"))
    found = study.results.of("one")
    assert found is not None
    assert found["answer"] == {"answer": 42}
    assert found["cell"] == "one"
    assert 0 < study.results.seconds_spent() == found["seconds"]
    assert str(study.work) not in json.dumps(found)


def test_rows_of_a_run_belong_to_its_answer(study: Study) -> None:
    study.sit(cell("one", "open('rows', 'w').write('{\"step\": 1}\\n{\"step\": 2}\\n'); print('{}')", curve="rows"))
    found = study.results.of("one")
    assert found is not None
    assert found["curve"] == [{"step": 1}, {"step": 2}]


def test_what_is_done_is_not_done_again_but_another_command_is(study: Study) -> None:
    study.sit(cell("one"))
    study.sit(cell("one"))
    assert study.order == ["one"]
    study.sit(cell("one", "print('{\"other\": 1}')"))
    assert study.order == ["one", "one"]


def test_what_another_command_of_a_cell_made_is_set_aside(study: Study) -> None:
    code = "import os; os.makedirs('runs/x'); open('runs/x/student', 'w').write('{0}'); print('{{}}')"  # refuses what is there
    for what in ("old", "new"):
        assert study.sit(cell("one", code.format(what), makes="runs/x/student")).failed == []
    assert (study.work / "runs/x/student").read_text() == "new"
    (aside,) = (study.work / "replaced").iterdir()
    assert (aside / "x/student").read_text() == "old"
    assert (aside / "one.json").is_file()


def test_what_a_changed_command_had_reached_is_not_set_aside(study: Study) -> None:
    study.sit(cell("one", "open('made', 'w').write('old'); print('{}')", makes="made"))
    half = (
        "import os; there = os.path.exists('made'); open('made', 'w').close(); print('{}'); raise SystemExit(not there)"
    )
    assert study.sit(cell("one", half, makes="made")).failed == ["one"]
    assert study.sit(cell("one", half, makes="made")).failed == []


def test_a_cell_that_fails_is_named_and_stops_no_other(study: Study) -> None:
    sitting = study.sit(cell("bad", "raise SystemExit(3)"), cell("behind", needs=("bad",)), cell("good"))
    assert sitting.failed == ["bad"]
    assert study.order == ["bad", "good"]
    assert any("bad: ended with 3; its log:" in line for line in study.said)
    assert study.results.of("bad") is None


def test_an_answer_that_is_no_json_is_a_failure(study: Study) -> None:
    sitting = study.sit(cell("bad", "print('no json')"), cell("good"))
    assert sitting.failed == ["bad"]
    assert study.order == ["bad", "good"]


def test_what_a_cell_made_and_is_gone_is_made_again_for_who_needs_it(study: Study) -> None:
    maker = cell("maker", "open('made', 'w').close(); print('{}')", makes="made")
    study.sit(maker)
    (study.work / "made").unlink()
    study.sit(maker)
    assert study.order == ["maker"]
    study.sit(maker, cell("user", needs=("maker",)))
    assert study.order == ["maker", "maker", "user"]


def test_cells_run_side_by_side(study: Study) -> None:
    meet = "import time, pathlib\nwhile len(list(pathlib.Path('.').glob('here-*'))) < 2: time.sleep(0.01)\nprint('{}')"
    study.sit(
        cell("a", "open('here-a', 'w').close()\n" + meet), cell("b", "open('here-b', 'w').close()\n" + meet), workers=2
    )
    assert sorted(study.order) == ["a", "b"]


def test_the_budget_ends_it(study: Study) -> None:
    study.sit(cell("one", "import time; time.sleep(0.3); print('{}')"), cell("two"), budget=0.2)
    assert study.order == ["one"]
    assert study.said[-1] == "the budget is spent"
    study.sit(cell("one", "import time; time.sleep(0.3); print('{}')"), cell("two"), budget=60)
    assert study.order == ["one", "two"]


def test_what_failed_is_paid_for_too(study: Study) -> None:
    bad = cell("bad", "import time; time.sleep(0.3); raise SystemExit(1)")
    study.sit(bad, cell("good"), budget=0.2)
    assert study.order == ["bad"]
    assert study.said[-1] == "the budget is spent"


STOPPED = """
import sys
from pathlib import Path
from studies.miniature.cell import Cell
from studies.miniature.result_file import Results
from studies.miniature.sitting import Sitting

code = '''
import os, signal, sys, time
from pathlib import Path
def stop(*_):
    Path("saved").write_text("half")
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
if Path("saved").exists():
    print('{"went on": true}')
else:
    Path("began").touch()
    time.sleep(600)
'''
work = Path(sys.argv[1])
cell = Cell("long", (sys.executable, "-c", code))
Sitting(work / "work", Results(work / "results"), 1e9, 1, lambda line: print(line, flush=True), Path.cwd()).run([cell], [cell])
"""


def test_what_a_signal_ended_goes_on_in_the_next_sitting_and_its_seconds_count(study: Study, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STOPPED, str(tmp_path)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 300
    while not (study.work / "began").exists():
        assert first.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.01)
    time.sleep(0.5)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=300)
    assert study.results.of("long") is None
    assert (study.work / "saved").read_text() == "half"
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    found = study.results.of("long")
    assert found is not None
    assert found["answer"] == {"went on": True}
    assert found["seconds"] >= 0.5
