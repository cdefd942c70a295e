"""Names that were changed, so that runs written under the old ones stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONFIG_FIELDS: Mapping[str, str] = {
    "mismatched": "wrong_label_fraction",
    "minibatch_deviation": "minibatch_stddev",
}
"""Old name of a field of the configuration -> its name today."""

COLUMNS: Mapping[str, str] = {
    "critic_slope": "input_gradient_norm",
    "fake_slope": "input_gradient_norm_fake",
    "push_real_d": "logit_gradient_sign_real_d",
    "push_fake_d": "logit_gradient_sign_fake_d",
    "push_fake_g": "logit_gradient_sign_fake_g",
    "raw_wanted": "expects_logits",
}
"""Old name of a column of metrics.jsonl -> its name today."""


LOSS_FAMILIES = (
    None,
    "non-saturating",
    "non-saturating",
    "minimax",
    "least-squares",
    "hinge",
    "wasserstein",
    "relativistic",
)
"""The column loss_family was a number: a place in this list. 0 was an unknown loss, 2 the
non-saturating loss of probabilities."""


def todays_config(document: Any) -> Any:
    """A configuration as JSON, or any part of it, with its fields under today's names."""
    if isinstance(document, Mapping):
        return {CONFIG_FIELDS.get(k, k): todays_config(v) for k, v in document.items()}
    return [todays_config(v) for v in document] if isinstance(document, list) else document


def todays_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of metrics.jsonl under today's names."""
    today = {COLUMNS.get(name, name): value for name, value in row.items()}
    if isinstance(today.get("loss_family"), int | float):
        place = int(today.pop("loss_family"))
        name = LOSS_FAMILIES[place] if place < len(LOSS_FAMILIES) else None
        return today if name is None else {**today, "loss_family": name}
    return today
