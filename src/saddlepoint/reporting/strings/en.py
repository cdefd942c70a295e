"""The frame of the page of claims in English."""

from __future__ import annotations

from saddlepoint.reporting.strings.words import Strings

STRINGS = Strings(
    title="The lecture, claim by claim",
    about=(
        "Each claim of the lecture, tried on its own: one thing is varied, everything else is held "
        "equal. The verdict follows from a rule that was fixed before the runs and can come out "
        "against the claim. Seeds {seeds}; {budget:g} minutes a claim on two cores."
    ),
    method=(
        "Numbers are means over seeds with their 90 % interval (Student's t). A part counts as "
        "seen, or as the opposite, only when the whole interval lies beyond its bound; as not seen "
        "when the whole interval lies short of it; otherwise this budget does not settle it. A "
        "claim is seen when all of its parts are."
    ),
    outcomes={
        "seen": "seen",
        "not-seen": "not seen",
        "opposite": "the opposite",
        "not-settled": "not settled in this budget",
    },
    chapters={
        "gan": "GAN",
        "minimax": "Minimax",
        "failures": "Failures",
        "dcgan": "DCGAN",
        "wgan": "WGAN and WGAN-GP",
        "cgan": "CGAN",
        "measures": "Measures",
    },
    all_claims="All claims",
    claim="Claim",
    verdict="Verdict",
    number="Number",
    measured="Measured",
    rule="Rule",
    varied="Varied",
    held="Held equal",
    reads="How to read it",
    settings="Settings, data and time",
    data="Data",
    no_data="made here",
    seeds="Seeds",
    seconds="Seconds of computing, all seeds",
    exact="computed, not trained",
    one_seed="one seed has no interval",
    no_number="no number: a run failed, or has not learnt enough to compare",
    no_ratio="no ratio: a value is 0 or less",
    seen_from="seen from {seen} up",
    seen_to="seen up to {seen}",
    opposite_from="the opposite from {opposite} up",
    opposite_to="the opposite up to {opposite}",
    else_seen="otherwise not seen",
    else_both="otherwise not seen",
    command="To try it yourself",
    failed="This claim could not be tried: {reason}",
    not_tried="not tried",
)
