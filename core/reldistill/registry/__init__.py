"""Finding plugins, loading them one by one, and looking up what they provide."""

from reldistill.registry.blame import blame
from reldistill.registry.catalogue import Catalogue, Provided, not_provided
from reldistill.registry.discovery import COMMANDS, RESTRICTION, PluginSource, chosen_plugins, installed_plugins
from reldistill.registry.registry import PluginFailure, Registry

__all__ = [
    "COMMANDS",
    "RESTRICTION",
    "Catalogue",
    "PluginFailure",
    "PluginSource",
    "Provided",
    "Registry",
    "blame",
    "chosen_plugins",
    "installed_plugins",
    "not_provided",
]
