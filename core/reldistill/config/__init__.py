"""The options of a distillation and of an evaluation, and where their values come from: flags, environment, file, preset, default.

Kept free of torch, so that ``minictl distill --help`` and ``minictl config`` answer at once.
"""

from reldistill.config.config_file import config_file_problems, config_toml, read_config_file
from reldistill.config.config_kind import DISTILL, EVAL, KINDS, ConfigKind
from reldistill.config.distill_config import CHOICES, DistillConfig, parse_mixing
from reldistill.config.environment import PROGRAM_VARIABLES, read_environment
from reldistill.config.eval_config import EvalConfig, EvalPlan
from reldistill.config.option import option
from reldistill.config.option_types import checked, flag, from_text, option_types
from reldistill.config.presets import PRESETS, Preset, PresetValue
from reldistill.config.resolve import ResolvedConfig, resolve_config
from reldistill.config.schema import config_schema
from reldistill.config.setting import Setting

__all__ = [
    "CHOICES",
    "DISTILL",
    "EVAL",
    "KINDS",
    "PRESETS",
    "PROGRAM_VARIABLES",
    "ConfigKind",
    "DistillConfig",
    "EvalConfig",
    "EvalPlan",
    "Preset",
    "PresetValue",
    "ResolvedConfig",
    "Setting",
    "checked",
    "config_file_problems",
    "config_schema",
    "config_toml",
    "flag",
    "from_text",
    "option",
    "option_types",
    "parse_mixing",
    "read_config_file",
    "read_environment",
    "resolve_config",
]
