"""The tables of docs/performance.md from the committed JSON.

python docs/tables.py            writes them
python docs/tables.py --check    fails where the page says something else
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
PAGE = DOCS / "performance.md"
RESULTS = DOCS.parent / "benchmarks" / "results"


def spread(figures: dict[str, float], digits: int = 1) -> str:
    """Median, least and greatest."""
    median, least, greatest = (f"{figures[name]:,.{digits}f}" for name in ("median", "least", "greatest"))
    return f"{median} ({least} to {greatest})"


def loss_table(found: dict[str, Any]) -> str:
    """Of ``minictl bench loss``."""
    rows = [
        "| at most | loss | milliseconds, median (least to most) | times native | memory added, MiB "
        "| share of the matrix product rate |",
        "|---|---|---|---|---|---|",
    ]
    for size in found["lengths"]:
        for name, row in size["contestants"].items():
            rows.append(
                f"| {size['longest']} | {name} | {spread(row['milliseconds'])} | {spread(row['times_the_native_kernel'])} "
                f"| {row['added_mib']['median']:.0f} | {row['share_of_matrix_product_rate']['median']:.0%} |"
            )
    machine, rate = found["environment"], found["lengths"][0]["matrix_product_gflops"]
    rows += [
        "",
        f"Relations {', '.join(found['relations'])}; eight sequences, the shortest just over half as long as the longest; 48 relation "
        f"heads, widths 768 and 384, fp32; {found['rounds']} rounds in turns, {machine['cores']} cores of "
        f"{machine['processor']}, torch {machine['versions']['torch']}. Matrix products in fp32: {spread(rate, 0)} GFLOP/s.",
    ]
    return "\n".join(rows)


def step_table(found: dict[str, Any]) -> str:
    """Of ``minictl bench step``."""
    rows = [
        "| | seconds a step, median (least to most) | times ours | peak memory, MiB | share of the matrix product rate |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["contestants"].items():
        rows.append(
            f"| {name} | {spread(row['seconds'], 2)} | {spread(row['times_ours'], 2)} "
            f"| {row['peak_mib_above_imports']['median']:,.0f} | {row['share_of_matrix_product_rate']['median']:.0%} |"
        )
    work, machine = found["workload"], found["environment"]
    rows += [
        "",
        f"{work['what']}, 12x768 to 6x384, {', '.join(work['relations'])}: {work['sequences']} sequences, {work['tokens']:,} tokens, "
        f"{work['mean_length']:.0f} on average; {found['precision']}; {found['rounds']} rounds in turns, {machine['cores']} cores of "
        f"{machine['processor']}, torch {machine['versions']['torch']}. Matrix products in {found['precision']}: "
        f"{spread(found['matrix_product_gflops'], 0)} GFLOP/s; necessary are {found['necessary_tflops']:.2f} TFLOP a step. Memory is "
        "what a process takes beyond Python and the libraries, models and optimiser included.",
    ]
    return "\n".join(rows)


def loading_table(found: dict[str, Any]) -> str:
    """Of ``benchmarks/loading_memory.py``."""
    rows = [
        "| teacher | read up to layer | how | tensors, MiB | peak memory, MiB | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for teacher in found["teachers"]:
        for name, row in teacher["ways"].items():
            rows.append(
                f"| {teacher['teacher']} | {teacher['cut_at_layer']} | {name} | {row['tensors_mib']:,.0f} "
                f"| {spread(row['peak_mib'], 0)} | {spread(row['seconds'], 2)} |"
            )
    machine = found["environment"]
    rows += [
        "",
        f"{found['dtype']}; anonymous memory beyond what Python and the libraries take; {found['rounds']} rounds, "
        f"{machine['processor']}, transformers {machine['versions']['transformers']}.",
    ]
    return "\n".join(rows)


def demo_table(found: dict[str, Any]) -> str:
    """Of ``minictl demo``."""
    losses, parameters, speeds = found["held_out_loss"], found["parameters"], found["sequences_per_second"]
    rows = ["| | " + " | ".join(losses) + " |", "|---|" + "---|" * len(losses)]
    for relation in losses["distilled"]:
        label = "all relations" if relation == "loss" else relation.removeprefix("loss/")
        rows.append(
            f"| held-out loss, {label} | " + " | ".join(f"{losses[name][relation]:.3f}" for name in losses) + " |"
        )
    rows.append("| parameters, millions | " + " | ".join(f"{parameters[name] / 1e6:.1f}" for name in losses) + " |")
    teacher, student = speeds["teacher"], speeds["student"]
    rows += [
        "",
        f"{found['steps']} steps. Inference at 128 tokens in fp32 on {found['machine']['threads']} threads: the teacher "
        f"({parameters['teacher'] / 1e6:.1f} million parameters) {teacher['median']:.0f} sequences a second "
        f"({teacher['slowest']:.0f} to {teacher['fastest']:.0f}), the student {student['median']:.0f} "
        f"({student['slowest']:.0f} to {student['fastest']:.0f}).",
    ]
    return "\n".join(rows)


def tokenize_table(found: dict[str, Any]) -> str:
    """Of ``minictl bench tokenize``."""
    rows = [
        "| tokenizer | library | MB per CPU-second, median (least to most) | MB/s | peak memory, MiB | CPU time, ours = 1 |",
        "|---|---|---|---|---|---|",
    ]
    for tokenizer in found["tokenizers"]:
        for name, figures in tokenizer["contestants"].items():
            speed, ratio = figures["mb_per_cpu_second"], figures["cpu_times_ours"]
            rows.append(
                f"| {tokenizer['tokenizer']} | {name} | {spread(speed)} "
                f"| {figures['mb_per_second']['median']:.1f} | {figures['peak_mib']['median']:.0f} "
                f"| {spread(ratio)} |"
            )
    machine, equal = found["environment"], all(tokenizer["ids_equal"] for tokenizer in found["tokenizers"])
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if name != "reldistill")
    rows += [
        "",
        f"{found['text_bytes'] / 1e6:.1f} MB of English, {found['rounds']} rounds in turns, {machine['cores']} cores of "
        f"{machine['processor']}, {versions}. "
        + ("The ids of all three are equal, each run." if equal else "The ids differ: do not trust these figures."),
    ]
    return "\n".join(rows)


def load_table(found: dict[str, Any]) -> str:
    """Of ``minictl bench load``."""

    rows = [
        "| what feeds | million tokens a second, median (least to most) | CPU ms a batch | peak memory, MiB "
        "| the loader is faster by |",
        "|---|---|---|---|---|",
    ]
    for name, figures in found["contestants"].items():
        rows.append(
            f"| {name} | {spread(figures['million_tokens_per_second'])} "
            f"| {figures['cpu_milliseconds_per_batch']['median']:.2f} | {figures['peak_mib']['median']:.0f} "
            f"| {spread(figures['ours_is_faster_by'])} |"
        )
    machine, corpus, waits = found["environment"], found["corpus"], found["milliseconds_to_a_batch"]
    versions = ", ".join(
        f"{name} {number}" for name, number in machine["versions"].items() if name != "reldistill" and number
    )
    rows += [
        "",
        f"{found['batch_size']} sequences of at most {corpus['max_length']} tokens, {corpus['mean_length']:.0f} on average, of "
        f"{corpus['tokens'] / 1e6:.1f} million; {found['rounds']} rounds of {found['seconds']:g} s in turns, {machine['cores']} "
        f"cores of {machine['processor']}, {versions}. From an open corpus to its first batch {spread(waits['first'])} ms, to "
        f"the batch at a saved position {spread(waits['resumed'])} ms. All sequences of a corpus just opened once, with checksums "
        f"over without: {spread(found['seconds_for_all_sequences']['checked_times_unchecked'], 2)} times the time.",
    ]
    return "\n".join(rows)


def order_table(found: dict[str, Any]) -> str:
    """Of the example ``order_cost``."""
    rows = [
        f"| sequences | microseconds for a batch of {found['batch_size']}, median (least to greatest) |",
        "|---|---|",
    ]
    for size in found["sizes"]:
        cost = size["microseconds_a_batch"]
        rows.append(f"| {size['sequences']:,} | {spread(cost)} |")
    return "\n".join(rows)


def memory_table(found: dict[str, Any]) -> str:
    """Of ``benchmarks/tokenizing_memory.py``."""
    sizes = [build["text_bytes"] / 1e6 for build in found["tokenizers"][0]["builds"]]
    rows = [
        "| tokenizer | " + " | ".join(f"peak for {size:.0f} MB of text, MiB" for size in sizes)
        + " | the library opens it, MiB |",
        "|---|" + "---|" * (len(sizes) + 1),
    ]  # fmt: skip
    for tokenizer in found["tokenizers"]:
        peaks = [*(build["peak_mib"] for build in tokenizer["builds"]), tokenizer["library_opens_it_mib"]]
        rows.append(" | ".join([f"| {tokenizer['tokenizer']}", *(spread(peak, 0) for peak in peaks)]) + " |")
    machine = found["environment"]
    rows += [
        "",
        f"Median (least to greatest) of {found['rounds']} runs with {found['threads']} threads on {machine['processor']}, "
        f"tokenizers {machine['versions']['tokenizers']}. All of it includes Python; with the loader and nothing done that is "
        f"{found['python_with_the_loader_mib']['median']:.0f} MiB.",
    ]
    return "\n".join(rows)


def recovery_table(found: dict[str, Any]) -> str:
    """Of benchmarks/recovery.py."""
    start, saved, step, many = found["start"], found["checkpoint"], found["each_step"], found["processes"]
    imports, speeds, machine = start["of_these_imports"], many["tokens_per_second"], found["environment"]
    each = ", ".join(f"{name} {value:.0f}" for name, value in step["microseconds"].items())
    rows = [
        "| | median (least to most) |",
        "|---|---|",
        f"| from the command to the first step, seconds | {spread(start['seconds_to_first_step'])} |",
        f"| of these, `import reldistill.distillation` | {spread(imports['reldistill.distillation'])} |",
        f"| of these, `import torch` | {spread(imports['torch'])} |",
        f"| a checkpoint, {saved['mib']:.0f} MiB, seconds | {spread(saved['seconds'], 2)} |",
        f"| its share of a quarter of an hour | {saved['share_of_time']:.2%} |",
        f"| what each step does to be taken back, counted and logged, microseconds | {each} |",
        f"| its share of a step of {step['step_seconds']:.1f} s | {step['share_of_step']:.5%} |",
        f"| one process, tokens/s | {spread(speeds['1'], 0)} |",
        f"| two processes, tokens/s | {spread(speeds['2'], 0)} |",
        f"| two against one | {spread(many['two_against_one'], 2)} |",
        "",
        f"Teacher {found['teacher']}, student {found['student']}, at most {found['longest_sequence']} tokens, a corpus that is "
        f"built; {found['rounds']} rounds, {machine['cores']} cores of {machine['processor']}, torch "
        f"{machine['versions']['torch']}.",
    ]
    return "\n".join(rows)


def rendered(page: str) -> str:
    """The page with each table between its markers made anew."""
    for name, table in TABLES:
        found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        begin, end = f"<!-- {name}.json -->\n", f"<!-- end of {name}.json -->"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = f"{head}{begin}\n{table(found)}\n\n{end}{tail}"
    return page


TABLES = (
    ("recovery", recovery_table),
    ("step_bert-128", step_table),
    ("step_bert-512", step_table),
    ("step_xlmr-128", step_table),
    ("step_bert-128-nine", step_table),
    ("loss", loss_table),
    ("loss_nine", loss_table),
    ("loading_memory", loading_table),
    ("tokenize", tokenize_table),
    ("tokenizing_memory", memory_table),
    ("load_256x128", load_table),
    ("load_32x512", load_table),
    ("load_others", load_table),
    ("order_cost", order_table),
    ("demo", demo_table),
)


def main() -> None:
    """Write the page, or compare it."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv:
        PAGE.write_text(rendered(page), encoding="utf-8")
    elif rendered(page) != page:
        sys.exit(f"{PAGE} does not say what the JSON says: python docs/tables.py")


if __name__ == "__main__":
    main()
