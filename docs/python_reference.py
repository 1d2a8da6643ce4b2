"""An extension of griffe, which reads the code for docs/reference/python.md: what of it is not as the page should show it."""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")


class ShownCode(griffe.Extension):  # type: ignore[misc, unused-ignore]  # where griffe is not installed
    """``:class:`~x.Y``` in a docstring becomes ``Y``, as code; an option of a configuration has its help for a docstring
    and its default for a value.
    """

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(_shown, obj.docstring.value)

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **_: Any) -> None:
        if isinstance(attr.value, griffe.ExprCall) and str(attr.value.function) == "option":
            told, default = attr.value.arguments[:2]
            # The help of an option that nobody distils with may be put together when it runs; those are not on the page.
            if isinstance(told, str):
                attr.docstring = griffe.Docstring(ast.literal_eval(told), parent=attr, lineno=attr.lineno)
            attr.value = default


def _shown(role: re.Match[str]) -> str:
    """The name as code; behind ``~`` its last part alone."""
    name = role[2].rpartition(".")[2] if role[1] else role[2]
    return f"`{name}`"
