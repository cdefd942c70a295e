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

REMEDIES: Mapping[str, str] = {"minibatch-deviation": "minibatch-stddev"}
"""Old name of a remedy -> its name today."""


def todays_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of metrics.jsonl under today's names."""
    return {COLUMNS.get(name, name): value for name, value in row.items()}
