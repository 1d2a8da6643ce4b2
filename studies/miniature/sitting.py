"""Running cells, as many at once as there are workers, until all are done or the budget is spent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studies.miniature.cell import Cell
from studies.miniature.result_file import Results, shown

__all__ = ["Sitting"]


@dataclass
class Running:
    """A cell at work."""

    cell: Cell
    process: subprocess.Popen[bytes]
    began: float


@dataclass
class Sitting:
    """One sitting of the study. ``budget`` is in seconds of one core, over all sittings.

    What a cell had reached when a sitting ended it goes on from there, as its command does: a student behind its checkpoint,
    a fine-tuning behind its last save. The seconds of all sittings are counted.
    """

    work: Path
    results: Results
    budget: float
    workers: int
    say: Callable[[str], None]
    root: Path
    failed: list[str] = field(default_factory=list)
    _stopping: bool = False

    def run(self, cells: Sequence[Cell], wanted: Sequence[Cell]) -> None:
        """Do those of the wanted ones that are not done yet, in order; what a cell needs goes before it."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        running: list[Running] = []
        try:
            while True:
                if not self._stopping:
                    self._begin(cells, wanted, running)
                if not running:
                    return
                time.sleep(0.2)
                for done in [one for one in running if one.process.poll() is not None]:
                    running.remove(done)
                    self._end(done)
        finally:
            for one in running:
                one.process.terminate()
            for one in running:
                one.process.wait()
                self._seconds(one.cell, time.monotonic() - one.began)
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def stopped(self) -> bool:
        """Whether a signal ended it."""
        return self._stopping

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        raise KeyboardInterrupt

    def done(self, cell: Cell) -> bool:
        """Whether its answer is there."""
        return self.results.is_done(cell)

    def _is_there(self, cell: Cell) -> bool:
        """Whether it is done, and what it made is still in the work folder."""
        return self.done(cell) and (not cell.makes or (self.work / cell.makes).exists())

    def _next(self, cell: Cell, by_name: Mapping[str, Cell]) -> Iterator[Cell]:
        """The cells that can be run now for the sake of this one: itself, or else what it waits for."""
        missing = [by_name[name] for name in cell.needs if not self._is_there(by_name[name])]
        if not missing:
            yield cell
        for one in missing:
            yield from self._next(one, by_name)

    def _begin(self, cells: Sequence[Cell], wanted: Sequence[Cell], running: list[Running]) -> None:
        by_name = {cell.name: cell for cell in cells}
        taken = {one.cell.name for one in running} | set(self.failed)
        for cell in dict.fromkeys(step for one in wanted if not self.done(one) for step in self._next(one, by_name)):
            if len(running) >= self.workers:
                return
            if cell.name in taken:
                continue
            if self._spent() >= self.budget:
                if not running:
                    self.say("the budget is spent")
                return
            running.append(self._start(cell))

    def _start(self, cell: Cell) -> Running:
        logs = self.work / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._set_aside(cell)
        environment = os.environ | {
            "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RELDISTILL_CACHE": str((self.work / "cache").resolve()),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self.root), os.environ.get("PYTHONPATH")])),
        }  # fmt: skip
        self.say(f"{cell.name}: {shown(cell)}")
        with (logs / f"{cell.name}.out").open("wb") as out, (logs / f"{cell.name}.log").open("ab") as err:
            process = subprocess.Popen(
                cell.command, cwd=self.work, env=environment, stdout=out, stderr=err, start_new_session=True
            )
        return Running(cell, process, time.monotonic())

    def _set_aside(self, cell: Cell) -> None:
        """What another command of this cell made, for minictl refuses to write into the folder of another run.

        Its answer goes with it: what is made from here on is not to be set aside again.
        """
        answer = self.results.folder / cell.file
        if not answer.is_file() or self.done(cell):
            return
        target = self.work / "replaced" / f"{cell.name}-{time.time_ns()}"
        target.mkdir(parents=True)
        shutil.move(answer, target)
        made = self.work.joinpath(*Path(cell.makes).parts[:2])
        if cell.makes and made.exists():
            shutil.move(made, target)

    def _end(self, one: Running) -> None:
        cell, code = one.cell, one.process.returncode
        seconds = self._seconds(cell, time.monotonic() - one.began)
        answer = self._answer(cell) if code == 0 else None
        if answer is not None:
            self.results.write(cell, answer, self._curve(cell), seconds)
            self._clock(cell).unlink(missing_ok=True)
            self.say(f"{cell.name}: done, {seconds:.0f} s")
        else:
            self.failed.append(cell.name)
            self.say(f"{cell.name}: ended with {code}; its log: {self.work / 'logs' / cell.name}.log")

    def _answer(self, cell: Cell) -> dict[str, Any] | None:
        """What it said on stdout; None where that is no JSON object."""
        try:
            answer = json.loads((self.work / "logs" / f"{cell.name}.out").read_text(encoding="utf-8"))
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def _seconds(self, cell: Cell, now: float) -> float:
        """With those of sittings that ended it."""
        earlier = 0.0
        with suppress(FileNotFoundError):
            earlier = float(self._clock(cell).read_text(encoding="utf-8"))
        total = earlier + now
        self._clock(cell).write_text(f"{total}", encoding="utf-8")
        return total

    def _spent(self) -> float:
        """Seconds of all that is done, and of what failed or was stopped and is not done yet."""
        clocks = (self.work / "logs").glob("*.seconds")
        return self.results.seconds_spent() + sum(float(clock.read_text(encoding="utf-8")) for clock in clocks)

    def _clock(self, cell: Cell) -> Path:
        return self.work / "logs" / f"{cell.name}.seconds"

    def _curve(self, cell: Cell) -> list[dict[str, Any]]:
        if not cell.curve:
            return []
        return [json.loads(line) for line in (self.work / cell.curve).read_text(encoding="utf-8").splitlines()]
