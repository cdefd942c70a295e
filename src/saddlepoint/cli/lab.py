"""saddle lab: experiments that end in one page each."""

from __future__ import annotations

from functools import partial
from importlib import import_module

from saddlepoint.cli.flags import Verb, command, parse, print_lines
from saddlepoint.core.streams import answer

LABS = {
    "demo": "The best preset on real images, and a failure named and treated: six minutes.",
    "lecture": "Every family of the lecture on Fashion-MNIST and faces, beside its figures.",
    "failures": "The lecture's failures on demand, each untreated and treated.",
    "claims": "The lecture, claim by claim: each tried over seeds, with a verdict.",
    "modes": "Modes that every loss covers, over seeds, beside published numbers.",
}
"""saddlepoint.lab.NAME has the function NAME, whose parameters are the flags."""
_OLD_FLAGS = {"--presets": "--only", "--cases": "--only"}


@command("The labs and the claims, one line each.")
def lab_list(json: bool = False) -> None:
    """List the labs, and each of the claims.

    Args:
        json: One JSON document on stdout.
    """
    from saddlepoint.core import registry
    from saddlepoint.lab.claims import in_order

    # In one list, each as it is given to --only.
    every = {
        f"claims --only {name}": registry.get("claim", name).sentence.en for name in in_order()
    }
    print_lines({**LABS, **every}, json)


def _run(name: str, argv: list[str]) -> None:
    lab = getattr(import_module(f"saddlepoint.lab.{name}"), name)
    page = parse(lab, f"saddle lab {name}", [_OLD_FLAGS.get(word, word) for word in argv])
    answer(f"Report: {page}")


VERBS: dict[str, Verb] = {"list": lab_list, **{name: partial(_run, name) for name in LABS}}
# The help of `saddle lab` shows docstrings; those of the labs would have to be imported with torch.
for _name, _about in LABS.items():
    VERBS[_name].__doc__ = _about
