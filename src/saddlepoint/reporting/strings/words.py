"""Every text of the frame of the page of claims."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.evaluation.verdicts import Outcome


@dataclass(frozen=True, kw_only=True)
class Strings:
    """What stands around the claims. A language that lacks one cannot be imported."""

    title: str
    about: str
    """What a verdict is and how it is reached; `{seeds}` and `{budget}` are filled in."""
    method: str
    outcomes: dict[Outcome, str]
    chapters: dict[str, str]
    all_claims: str
    claim: str
    verdict: str
    number: str
    measured: str
    rule: str
    varied: str
    held: str
    reads: str
    """Above the text on what is seen and where the claim holds only under conditions."""
    settings: str
    data: str
    no_data: str
    seeds: str
    seconds: str
    """Computing time of all seeds."""
    exact: str
    """Stands where an interval would: nothing is trained."""
    one_seed: str
    no_number: str
    no_ratio: str
    seen_from: str
    """A rule, with `{seen}`: numbers at least as large are seen."""
    seen_to: str
    opposite_from: str
    opposite_to: str
    else_seen: str
    """The rest of a rule without an opposite."""
    else_both: str
    command: str
    failed: str
    """`{reason}`: why a claim could not be tried."""
    not_tried: str
