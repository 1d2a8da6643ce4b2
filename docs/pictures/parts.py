"""The parts of the code, and who may import whom."""

from __future__ import annotations

from docs.pictures.canvas import Canvas

__all__ = ["parts"]


def parts() -> str:
    """The picture of docs/design.md."""
    canvas = Canvas(
        620, 500, "The parts and who knows whom",
        "The command line imports the core, the built-in plugins and plugins of others import the core, and the core imports the "
        "typed package of the loader. The core finds plugins by entry points alone and never imports one. Below the loader's "
        "Python package lies a thin crate that binds two crates without Python: the loader, and the kernels for CPUs. Within the "
        "core, data flows from teacher and corpus through encoder, relations and loss to training, checkpoints and the student.",
    )  # fmt: skip
    canvas.box(20, 24, 250, 62, "reldistill_cli", "one file a command, no logic")
    canvas.box(290, 24, 160, 62, "built-in plugins", "reldistill_plugins")
    canvas.box(470, 24, 130, 62, "your plugins", "pip packages")
    canvas.arrow((145, 86), (145, 132))
    canvas.arrow((370, 86), (370, 132))
    canvas.arrow((535, 86), (535, 132))
    canvas.text(380, 114, "import", size=13, anchor="start", kind="faint")
    canvas.text(155, 114, "imports", size=13, anchor="start", kind="faint")

    canvas.rect(20, 132, 580, 208, "f0 tint", round=6)
    canvas.rect(20, 132, 580, 208, "box s0", round=6)
    canvas.text(36, 156, "core/reldistill", anchor="start", kind="strong")
    canvas.text(584, 156, "finds plugins by entry point, imports none", size=13, anchor="end", kind="faint")
    rows = (
        (("registry", "hooks, plugins"), ("config", "options, presets"), ("hub", "names, offline")),
        (("encoder", "states of a layer"), ("loss", "equations 5 to 8"), ("distillation", "plan, step, resume")),
    )
    for number, row in enumerate(rows):
        for place, lines in enumerate(row):
            canvas.box(36 + 188 * place, 170 + 84 * number, 172, 62, *lines)
    canvas.arrow((208, 285), (224, 285))
    canvas.arrow((396, 285), (412, 285))
    canvas.text(310, 332, "checkpoint · evaluation · report · cost", size=13, kind="faint")

    canvas.arrow((310, 340), (310, 382))
    canvas.text(320, 366, "imports", size=13, anchor="start", kind="faint")
    canvas.box(20, 382, 580, 44, "reldistill_loader: typed Python over a thin PyO3 crate")
    canvas.box(20, 440, 282, 44, "loader crate: no Python in it")
    canvas.box(318, 440, 282, 44, "kernels crate: no Python in it")
    return canvas.svg()
