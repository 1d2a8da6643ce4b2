"""Tables and figures say what the results say, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from studies.miniature.draw import draw, stale
from studies.miniature.found import Found
from studies.miniature.layer_tables import choice, evidence
from studies.miniature.pictures import figures
from studies.miniature.plan import cells, folder
from studies.miniature.rank_correlation import rank_correlation
from studies.miniature.result_file import Results
from studies.miniature.tables import TABLES

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


class Answers:
    """Made-up results, in the shape of real ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def put(self, name: str, answer: dict[str, Any], **more: Any) -> None:
        found = {"cell": name, "command": "minictl", "seconds": 36.0, "answer": answer} | more
        (self.folder / f"{name}.json").write_text(json.dumps(found))

    def score(self, task: str, model: str, metric: str, value: float) -> None:
        self.put(f"{task}-{model}", {"results": [{"scores": {"dev": {metric: {"values": [value]}}}}]})

    def again(self, task: str, model: str, metric: str, *values: float) -> None:
        self.put(f"{task}-{model}-again-s0", {"results": [{"scores": {"dev": {metric: {"values": list(values)}}}}]})

    def student(self, model: str, losses: dict[int, dict[str, float]], plan: dict[str, Any] | None = None) -> None:
        rows: list[dict[str, Any]] = []
        for step, measured in losses.items():
            if step:
                rows.append({"step": step, "loss": 1.0, "tokens": 1000 * step})
            rows.append({"step": step, **{f"validation/{name}": value for name, value in measured.items()}})
        last = {"tokens": 1000 * max(losses)} if max(losses) else {}
        self.put(f"student-{model}", {"last_step": last, "plan": plan or {}}, curve=rows)

    @property
    def found(self) -> Found:
        return Found(Results(self.folder))


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    return Answers(tmp_path / "results")


def curves_of(svg: ElementTree.Element) -> list[str]:
    """The points of each curve."""
    lines = [line for line in svg.iter(f"{SVG}polyline") if line.get("class", "").startswith("curve")]
    return [line.get("points", "") for line in lines]


def row(table: str, first: str) -> list[str]:
    """The cells of a row."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_committed_page_is_what_the_results_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "studies.miniature", "draw", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TABLES)
def test_of_nothing_nothing_is_said(name: str, answers: Answers) -> None:
    numbers = re.findall(r"\d+\.\d+", TABLES[name](answers.found))
    assert set(numbers) <= {"0.0", "68.4", "0.00"}  # who always gives the most frequent answer; hours


def test_scores_of_several_fine_tunings_are_their_mean_and_half_their_range(answers: Answers) -> None:
    answers.score("stsb", "distilled-s0", "spearman", 20.0)
    answers.again("stsb", "distilled", "spearman", 22.0, 27.0)
    answers.score("mrpc", "distilled-s0", "accuracy", 70.0)
    table = TABLES["does-it-help"](answers.found)
    assert row(table, "3x192, distilled, 600 steps") == ["-", "-", "-", "23.0 ± 3.5", "70.0", "-", "-"]
    assert "With ±: mean of 3 seeds (of fine-tuning, for a task), and half their range. Without: one seed." in table


def test_a_mean_is_over_both_tasks_that_tell_students_apart(answers: Answers) -> None:
    for task, metric, value in (("stsb", "spearman", 30.0), ("mrpc", "accuracy", 70.0), ("cola", "matthews", 6.0)):
        answers.score(task, "wide-truncated-s0", metric, value)
    table = TABLES["does-it-help"](answers.found)
    assert row(table, "3x384, the teacher's first layers, undistilled")[-1] == "18.0"


def test_a_mean_is_over_the_fine_tunings_that_both_tasks_have(answers: Answers) -> None:
    answers.score("stsb", "wide-auto-s0", "spearman", 30.0)
    answers.again("stsb", "wide-auto", "spearman", 32.0, 34.0)
    answers.again("cola", "wide-auto", "matthews", 2.0)  # of seed 1; that of seed 0 is not there
    answers.score("stsb", "wide-auto-s1", "spearman", 90.0)  # another student
    assert row(TABLES["auto"](answers.found), "`auto`") == ["-", "32.0 ± 2.0", "2.0", "17.0"]


def test_the_chance_of_fine_tuning_is_pooled_over_students(answers: Answers) -> None:
    for model, values in (("wide-auto", [30.0, 32.0, 34.0]), ("wide-truncated", [10.0, 16.0, 22.0])):
        answers.score("stsb", f"{model}-s0", "spearman", values[0])
        answers.again("stsb", model, "spearman", *values[1:])
    answers.score("cola", "wide-auto-s0", "matthews", 3.0)
    table = TABLES["noise"](answers.found)
    # Variances 4 and 36, pooled 20; of the rows 2.17². Twice the deviation of a difference: 2 √(2 (20 / 3 + 4.7)), 2 √(2 (20 + 4.7)).
    assert row(table, "STS-B") == ["2", "4.5", "12.0", "10", "14"]
    assert "CoLA" not in table


def test_before_the_yardstick_is_there_a_loss_is_the_runs_own_where_it_is_the_same(answers: Answers) -> None:
    same = {"relations": {"qq": 1.0, "kk": 1.0, "vv": 1.0}, "relation_heads": 48}
    other = {"relations": {"qk": 1.0, "vv": 1.0}, "relation_heads": 12}
    for model, plan in (("distilled-s0", same), ("minilm-v1-s0", other)):
        answers.student(model, {0: {"loss": 2.0}, 10: {"loss": 0.5}}, plan)
    table = TABLES["does-it-help"](answers.found)
    assert row(table, "3x192, distilled, 600 steps")[:3] == ["0.01 M", "0.500", "0.250"]
    assert row(table, "3x192, `minilm-v1`, 600 steps")[:3] == ["0.01 M", "-", "-"]
    assert "the last ones of the runs themselves" in table


def test_what_was_not_run_is_named_below(answers: Answers) -> None:
    answers.student("heads-6-s0", {0: {"loss": 2.0}, 10: {"loss": 0.5}})
    said = TABLES["heads"](answers.found).splitlines()[-1]
    assert said == (
        "One seed. Not run: 12 relation heads; 24 relation heads; 48 relation heads; nine relations, 48 relation heads."
    )


def test_a_loss_and_what_is_kept_of_it_are_of_the_same_seeds(answers: Answers) -> None:
    answers.student("distilled-s0", {0: {"loss": 2.0}, 10: {"loss": 1.0}})
    answers.student("distilled-s1", {0: {"loss": 4.0}, 10: {"loss": 1.0}})
    assert row(TABLES["heads"](answers.found), "48 relation heads") == [
        "3.000 ± 1.000",
        "1.000 ± 0.000",
        "0.375 ± 0.125",
        "-",
    ]


def test_the_yardstick_is_that_of_the_students_size(answers: Answers) -> None:
    rows = [
        {"model": f"runs/{model}-s0/student", "text": "t", "loss": loss, "loss/qq": 0.1, "loss/kk": 0.2, "loss/vv": 0.3}
        for model, loss in (("untrained", 1.5), ("distilled", 0.5), ("without-qq", 0.75))
    ]
    answers.put("yardstick-small-s0", {"losses": rows})
    answers.student("distilled-s0", {0: {"loss": 2.0}, 10: {"loss": 1.0}})
    table = TABLES["does-it-help"](answers.found)
    assert row(table, "3x192, untrained")[1] == "1.500"
    assert row(table, "3x192, distilled, 600 steps")[:2] == ["0.01 M", "0.500"]
    assert row(TABLES["ablation"](answers.found), "without qq")[:5] == ["0.750", "0.100", "0.200", "0.300", "-"]


def probe(answers: Answers, steps: int, aligned: dict[int, float], seconds: float = 60.0) -> None:
    layers = [
        {
            "teacher_layer": layer, "untrained_loss": 2.0, "loss": 1.0 + 0.1 * layer,
            "alignment": [value] * 8,
        }
        for layer, value in aligned.items()
    ]  # fmt: skip
    answers.put(f"layers-{steps}-s0", {"layers": layers, "seconds": seconds})


def test_layers_are_ranked_by_how_much_they_are_aligned(answers: Answers) -> None:
    rising = {layer: 0.1 * layer for layer in range(1, 7)}
    probe(answers, 75, {layer: -value for layer, value in rising.items()})
    probe(answers, 150, {**rising, 4: 0.9}, seconds=300.0)
    answers.put("one-layer-150-s0", {"seconds": 100.0})
    for layer in range(1, 7):
        answers.score("stsb", f"layer-{layer}-s0", "spearman", float(layer))
    table = TABLES["layers"](answers.found)
    assert row(table, "2")[:5] == ["0.600", "-0.200", "0.600", "0.200", "2.0"]
    assert "150 steps: `auto` takes layer 4, `paper` and `last` layer 6." in table
    assert "75 steps: `auto` takes layer 1" in table
    assert "Ranks against 150 steps: alignment -0.83, loss kept 1.00." in table
    assert "against those of STS-B: 0.83" in table
    assert "300 s for six layers and 100 s for one: 3.0 times" in table
    assert choice(evidence(answers.found, "layers-150-s0")) == 4


def test_whole_runs_by_a_probe_and_by_the_last_layer_stand_side_by_side(answers: Answers) -> None:
    for model, layer, score in (("wide-truncated-distilled", 6, 44.0), ("wide-auto", 5, 40.0)):
        answers.student(f"{model}-s0", {0: {"loss": 1.0}}, {"layers": [[layer, 3, 1.0]]})
        answers.score("stsb", f"{model}-s0", "spearman", score)
        answers.again("stsb", model, "spearman", score + 2)
        answers.score("cola", f"{model}-s0", "matthews", 10.0)
    answers.put("layers-150-s0", {}, seconds=72.0)
    table = TABLES["auto"](answers.found)
    assert row(table, "`last` (and `paper`)") == ["6", "45.0 ± 1.0", "10.0", "27.0"]
    assert row(table, "`auto`") == ["5", "41.0 ± 1.0", "10.0", "25.0"]
    assert "A probe of 150 steps takes 72 s, a run 36 s." in table


def test_a_layer_whose_loss_rose_has_no_share_and_no_rank_of_it(answers: Answers) -> None:
    rising = {layer: 0.1 * layer for layer in range(1, 7)}
    for steps in (75, 150):
        probe(answers, steps, rising)
        path = answers.folder / f"layers-{steps}-s0.json"
        found = json.loads(path.read_text())
        found["answer"]["layers"][2] |= {"untrained_loss": 0.0002, "loss": 0.0711}
        path.write_text(json.dumps(found))
    table = TABLES["layers"](answers.found)
    assert row(table, "3")[:4] == ["-", "0.300", "-", "0.300"]
    assert "alignment 1.00, loss kept 1.00" in table
    assert "The loss of layer 3 rose, from 0.0002 to 0.0711" in table


def test_the_figure_of_layers_has_a_curve_for_each_probe_and_says_the_best(answers: Answers) -> None:
    probe(answers, 75, {layer: 0.1 * layer for layer in range(1, 7)})
    probe(answers, 150, {layer: -0.1 * layer for layer in range(1, 7)})
    svg = ElementTree.fromstring(figures(answers.found)["layers.svg"])
    assert len(curves_of(svg)) == 2
    words = svg.findtext(f"{SVG}desc") or ""
    assert "75 steps: layer 1 0.100" in words
    assert "most by layer 6. 150 steps" in words
    heights = [[float(point.split(",")[1]) for point in curve.split()] for curve in curves_of(svg)]
    assert sorted(heights[0]) in (heights[0], heights[0][::-1])
    assert all(56 <= height <= 330 for curve in heights for height in curve)


def test_each_result_answers_the_command_that_the_plan_has_now() -> None:
    results = Results(folder() / "results")
    of_the_plan = {cell.name: cell for cell in cells()}
    for path in sorted(results.folder.glob("*.json")):
        assert path.stem in of_the_plan, f"{path.name}: no cell of the plan"
        assert results.is_done(of_the_plan[path.stem]), f"{path.name}: the plan has another command now"


def test_languages_without_text_are_marked_and_their_mean_is_their_own(answers: Answers) -> None:
    rows = [
        {"model": "runs/xlm-distilled-s0/student", "text": f"texts/ntrex/{language}.txt", "loss": 9.0, "share": share}
        for language, share in (("en", 1.0), ("de", 3.0), ("zh", 5.0))
    ]
    answers.put("languages-s0", {"losses": rows})
    accuracy = {
        "teachers/xlmr-12x384": {"de": 90.0, "zh": 80.0},
        "runs/xlm-distilled-s0/student": {"de": 10.0, "zh": 4.0},
    }
    answers.put("retrieval-s0", {"lines": 500, "accuracy": accuracy})
    table = TABLES["languages"](answers.found)
    assert row(table, "zh (no text)") == ["5.000", "-", "-", "-"]
    assert row(table, "mean, with text") == ["2.000", "-", "-", "-"]
    assert row(table, "mean, without") == ["5.000", "-", "-", "-"]
    table = TABLES["retrieval"](answers.found)
    assert row(table, "de") == ["90.0", "-", "10.0", "-", "-", "-"]
    assert row(table, "mean, without") == ["80.0", "-", "4.0", "-", "-", "-"]
    assert "| en |" not in table


def test_reference_losses_are_shares_of_the_start(answers: Answers) -> None:
    answers.student("long-s0", {0: {"loss": 2.0, "loss/qq": 1.0}, 1000: {"loss": 1.0, "loss/qq": 0.25}})
    assert row(TABLES["reference"](answers.found), "1.00 M") == ["1.000", "0.500", "0.250"]


def test_the_budget_says_what_was_spent_on_what_and_what_is_left(answers: Answers) -> None:
    for name in (
        "stsb-wide-truncated-distilled-s0",
        "student-wide-without-qq-s0",
        "layers-75-s0",
        "languages-s0",
        "texts-xnli",
    ):
        answers.put(name, {}, seconds=3600.0)
    table = TABLES["budget"](answers.found)
    for question in (
        "1 Does it help?",
        "2 Which layer?",
        "3 Which relations?",
        "4 Several languages",
        "texts and corpora",
    ):
        assert row(table, question) == ["1.00"], question
    assert "5 of " in table
    assert "student-distilled-s0" in table


def test_ranks_are_compared_as_scipy_does() -> None:
    # The example of scipy.stats.spearmanr's documentation, which has a tie.
    assert rank_correlation([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207826816681233)


def test_figures_are_drawn_of_what_is_there_and_a_stale_page_is_told(answers: Answers, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    page = (folder() / "README.md").read_text(encoding="utf-8")
    (study / "README.md").write_text(page, encoding="utf-8")
    answers.student(
        "long-s0",
        {0: {"loss": 2.0, "loss/qq": 1.0}, 100: {"loss": 1.5, "loss/qq": 0.5}, 1000: {"loss": 1.0, "loss/qq": 0.25}},
    )
    draw(study, answers.found)
    assert stale(study, answers.found) == []
    assert {path.name for path in (study / "figures").iterdir()} == {"learning-curves.svg", "reference-curves.svg"}
    svg = ElementTree.parse(study / "figures" / "reference-curves.svg")
    assert len(curves_of(svg.getroot())) == 2
    answers.student("long-s0", {0: {"loss": 2.0, "loss/qq": 1.0}, 100: {"loss": 1.0, "loss/qq": 0.5}})
    assert set(stale(study, answers.found)) == {"README.md", "learning-curves.svg", "reference-curves.svg"}
    (answers.folder / "student-long-s0.json").unlink()
    assert "reference-curves.svg" in stale(study, answers.found)
