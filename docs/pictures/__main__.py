"""The pictures of the pages.

python -m docs.pictures            draws them
python -m docs.pictures --check    fails where a committed picture is another
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.pictures.data_flow import data_flow
from docs.pictures.demo_curves import demo_curves
from docs.pictures.parts import parts
from docs.pictures.relation_heads import relation_heads
from docs.pictures.share_curves import share_curves
from docs.pictures.throughput import throughput
from studies.miniature.found import Found
from studies.miniature.pictures import relation_lines
from studies.miniature.result_file import Results

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[1] / "benchmarks" / "results"
STUDY = FOLDER.parents[1] / "studies" / "miniature" / "results"
REFERENCE = {"reference-curves.svg": "long", "nine-curves.svg": "nine-relations"}


def drawn() -> dict[str, str]:
    """File name -> its SVG."""
    study = Found(Results(STUDY))
    return {
        "data-flow.svg": data_flow(),
        "relation-heads.svg": relation_heads(),
        "demo-curves.svg": demo_curves(RESULTS / "demo_metrics.jsonl"),
        "throughput.svg": throughput(RESULTS),
        "parts.svg": parts(),
        **{
            name: share_curves(
                "held-out loss of each relation, as a share of that at the start", relation_lines(study.curve(student))
            )
            for name, student in REFERENCE.items()
        },
    }


def main() -> None:
    """Write the pictures, or compare them."""
    pictures = drawn()
    if "--check" not in sys.argv:
        for name, svg in pictures.items():
            (FOLDER / name).write_text(svg, encoding="utf-8")
        return
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    stale = sorted(name for name, svg in pictures.items() if found.get(name) != svg)
    if stale:
        sys.exit(f"not what the scripts draw: {', '.join(stale)}; python -m docs.pictures")


if __name__ == "__main__":
    main()
