"""Hatchling's build hook: compiles the Rust part with maturin and puts it into the wheel.

Needs cargo (https://rustup.rs). It keeps cargo's own target folder, so that a second build takes seconds.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CRATE = Path("rust_loader/reldistill-loader-python/Cargo.toml")
PACKAGE = Path("rust_loader/python/reldistill_loader")
NEED_RUST = (
    "building reldistill from source needs cargo 1.89 or newer, which was not found: install Rust from"
    " https://rustup.rs, or Debian's package `cargo` where that is new enough"
)


class RustBuildHook(BuildHookInterface[Any]):
    """Builds `reldistill_loader._native` for wheels, standard and editable ones."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, puts the module beside the package's `__init__.py` and takes over the wheel tag."""
        if self.target_name != "wheel":
            return
        with tempfile.TemporaryDirectory() as scratch:
            wheel = self.compile(Path(scratch))
            module = unpack_module(wheel, Path(self.root) / PACKAGE)
            build_data["tag"] = "-".join(wheel.stem.split("-")[-3:])
        build_data["pure_python"] = False
        build_data["artifacts"].append(module.relative_to(self.root).as_posix())

    def compile(self, scratch: Path) -> Path:
        """Runs `maturin build`; gives the wheel that it made, which holds the module alone."""
        # The program, not `python -m maturin`: under build isolation the interpreter sees no module of that name.
        beside = str(Path(sys.executable).parent)
        maturin = shutil.which("maturin") or shutil.which("maturin", path=beside)
        if maturin is None:
            raise SystemExit("building reldistill from source needs maturin: pip install 'maturin>=1.9,<2'")
        if shutil.which("cargo") is None:
            raise SystemExit(NEED_RUST)
        manifest = str(Path(self.root) / CRATE)
        command = [maturin, "build", "--release", "--locked", "--manifest-path", manifest, "--out", str(scratch)]
        subprocess.run([*command, "--interpreter", sys.executable], check=True)
        (wheel,) = scratch.glob("*.whl")
        return wheel


def unpack_module(wheel: Path, folder: Path) -> Path:
    """Puts the wheel's `_native` into a folder; one that was there may be in use and is replaced, not overwritten."""
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith((".so", ".pyd")))
        for old in [*folder.glob("_native*.so"), *folder.glob("_native*.pyd")]:
            old.unlink()
        module = folder / Path(member).name
        module.write_bytes(archive.read(member))
        return module
