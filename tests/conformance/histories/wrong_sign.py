"""Histories for wrong-sign."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    noisy = {
        "logit_gradient_sign_real_d": 0.8,
        "logit_gradient_sign_fake_d": -0.7,
        "logit_gradient_sign_fake_g": 0.9,
    }
    overshot = {"logit_gradient_sign_fake_g": [1.0, -1.0, -1.0, 1.0, 1.0, 1.0]}
    hinge = {"logit_gradient_sign_real_d": [1.0, 1.0, None, None, 1.0, 1.0]}
    return [*correct_loops(), early(noisy), early(overshot), early(hinge)]


def unhealthy() -> list[History]:
    return [
        early({"logit_gradient_sign_fake_g": -1.0}),
        early(
            {
                "logit_gradient_sign_real_d": -1.0,
                "logit_gradient_sign_fake_d": 1.0,
                "logit_gradient_sign_fake_g": 1.0,
            }
        ),
        early({"logit_gradient_sign_real_d": -1.0, "logit_gradient_sign_fake_d": -1.0}),
        early(
            {
                "logit_gradient_sign_fake_g": -1.0,
                "flat_share": [0.0, 0.0, 0.0, 0.9, 0.9, 0.9],
            }
        ),
    ]
