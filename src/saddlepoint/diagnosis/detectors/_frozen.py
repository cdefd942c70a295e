"""What the two detectors of a frozen net share: does its optimiser move it?"""

from __future__ import annotations

from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks

NAMES = {"g": "generator", "d": "discriminator"}


def stands_still(
    detector: Detector, history: History, player: str, n_looks: int, idle: float
) -> Finding | None:
    """The finding that this player's steps change nothing, or that there are no such steps.

    Args:
        player: "g" or "d".
        idle: steps of the other player without a single one of this player's.
    """
    other = "d" if player == "g" else "g"
    name = NAMES[player]
    looks = Checks(history, f"steps_{player}", f"steps_{other}")
    if len(looks) >= 2 and not looks[f"steps_{player}"].any():
        steps = float(looks[f"steps_{other}"].sum())
        if steps >= idle:
            message = (
                f"The {name}'s optimiser has not taken a single step while the other's took "
                f"{steps:.0f}: call its step() in the loop."
            )
            evidence = Evidence(
                name=f"steps_{player}",
                value=0.0,
                healthy=(1.0, None),
                note=f"steps of the {name}'s optimiser",
            )
            return looks.finding(detector, 0, "fatal", message, (evidence,))
    looks = Checks(history, f"update_ratio_{player}", f"missing_gradient_{player}")
    missing, held = looks[f"missing_gradient_{player}"], looks[f"held_{player}"]
    # A loss whose slope is 0 everywhere moves nothing either; that is no fault of the wiring.
    if player == "g":
        has_slope = ~(looks["flat_share"] >= 0.75)
    else:
        has_slope = ~(
            looks["logit_gradient_sign_real_d"] != looks["logit_gradient_sign_real_d"]
        )  # absent where there is none
    ill = (looks[f"update_ratio_{player}"] == 0) & ((missing == 1) | (held == 0) | has_slope)
    first = looks.lasting(ill, n_looks, n_looks)
    if first is None:
        return None
    evidence = (
        Evidence(
            name=f"update_ratio_{player}",
            value=0.0,
            healthy=(1e-7, None),
            note="2-norm of one step's change / 2-norm of the weights",
        ),
        Evidence(
            name=f"missing_gradient_{player}",
            value=float(missing[-1]),
            healthy=(0.0, 0.99),
            note="share of its weights that have no gradient at its step",
        ),
    )
    message = f"The {name}'s weights do not move at its own steps: " + _why(
        player, float(missing[-1]), float(held[-1])
    )
    return looks.finding(detector, first, "fatal", message, evidence)


def _why(player: str, missing: float, held: float) -> str:
    if held == 0:
        return "its optimiser holds none of them. Build the optimiser from this net's parameters."
    if missing == 1 and player == "g":
        return (
            "no gradient reaches them. Look for detach(), no_grad() or a rounded image between "
            "the generator and the discriminator in the generator's step."
        )
    if missing == 1:
        return "no gradient reaches them. Look for requires_grad = False that was never undone."
    return "its gradients are there. Look for a learning rate of 0."
