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


def loss_table(found: dict[str, Any]) -> str:
    """Of ``benchmarks/relation_loss.py``."""
    rows = [
        "| loss | milliseconds, median (least to most) | times the tiled kernel (least to most) | memory added, MiB "
        "| share of the matrix product rate |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["results"].items():
        seconds, ratio = row["seconds"], row["slower_than_tiled"]
        rows.append(
            f"| {name} | {seconds['median'] * 1e3:.0f} ({seconds['least'] * 1e3:.0f} to {seconds['most'] * 1e3:.0f}) "
            f"| {ratio['median']:.1f} ({ratio['least']:.1f} to {ratio['most']:.1f}) | {row['added_memory_mib']:.0f} "
            f"| {row['share_of_matrix_product_rate']:.0%} |"
        )
    work, machine = found["workload"], found["machine"]
    widths, lengths = work["widths"], ", ".join(map(str, work["lengths"]))
    rows += [
        "",
        f"{work['sequences']} sequences of {lengths} tokens, {work['relation_heads']} relation heads, widths {widths[0]} and "
        f"{widths[1]}, three self relations, fp32, {work['rounds']} interleaved rounds, {machine['processor']}, "
        f"{machine['threads']} threads, torch {machine['torch']}. A 1024-wide fp32 product ran at "
        f"{found['matrix_product_gflops']:.0f} GFLOP/s in the same run.",
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
                f"| {tokenizer['tokenizer']} | {name} | {speed['median']:.1f} ({speed['least']:.1f} to {speed['greatest']:.1f}) "
                f"| {figures['mb_per_second']['median']:.1f} | {figures['peak_mib']['median']:.0f} "
                f"| {ratio['median']:.1f} ({ratio['least']:.1f} to {ratio['greatest']:.1f}) |"
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

    def spread(figures: dict[str, float], digits: int = 1) -> str:
        median, least, greatest = (f"{figures[name]:,.{digits}f}" for name in ("median", "least", "greatest"))
        return f"{median} ({least} to {greatest})"

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
        rows.append(f"| {size['sequences']:,} | {cost['median']:.1f} ({cost['least']:.1f} to {cost['greatest']:.1f}) |")
    return "\n".join(rows)


def memory_table(found: dict[str, Any]) -> str:
    """Of ``benchmarks/tokenizing_memory.py``."""
    sizes = [build["text_bytes"] / 1e6 for build in found["tokenizers"][0]["builds"]]
    rows = [
        "| tokenizer | " + " | ".join(f"peak for {size:.0f} MB of text, MiB" for size in sizes)
        + " | the library opens it, MiB |",
        "|---|" + "---|" * (len(sizes) + 1),
    ]  # fmt: skip

    def spread(peaks: dict[str, float]) -> str:
        return f"{peaks['median']:.0f} ({peaks['least']:.0f} to {peaks['greatest']:.0f})"

    for tokenizer in found["tokenizers"]:
        cells = [spread(build["peak_mib"]) for build in tokenizer["builds"]]
        rows.append(
            " | ".join([f"| {tokenizer['tokenizer']}", *cells, spread(tokenizer["library_opens_it_mib"])]) + " |"
        )
    machine = found["environment"]
    rows += [
        "",
        f"Median (least to greatest) of {found['rounds']} runs with {found['threads']} threads on {machine['processor']}, "
        f"tokenizers {machine['versions']['tokenizers']}. All of it includes Python; with the loader and nothing done that is "
        f"{found['python_with_the_loader_mib']['median']:.0f} MiB.",
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
    ("relation_loss", loss_table),
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
