"""From numbers over seeds to a verdict that can come out against what was claimed. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from saddlepoint.core.texts import Text

Outcome = Literal["seen", "not-seen", "opposite", "not-settled"]

# Quantiles at 95 % of Student's distribution with 1, 2, ... degrees of freedom: both ends together
# leave out 10 %, so that each of the two one-sided questions errs in 5 % of the cases.
_T95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771)
_NORMAL95 = 1.645


@dataclass(frozen=True, kw_only=True)
class Question:
    """One number that decides on a claim, or on a part of it."""

    asks: Text
    """What the number is, with what would be seen if the claim holds."""
    values: Sequence[float | None]
    """One for each seed; None where a run gave none, and then nothing is settled."""
    seen: float
    """The claim is seen where the whole interval lies on this side; how much has to be seen for it
    to count is fixed here, before any run."""
    opposite: float | None = None
    """The opposite is seen where the whole interval lies beyond this; None: there is none. On the
    side of smaller numbers where `seen` is larger, and the other way round."""
    smaller: bool = False
    """Without an `opposite`: whether smaller numbers speak for the claim."""
    ratio: bool = False
    """A ratio of positive numbers, whose mean and interval are taken of its logarithm."""
    exact: bool = False
    """Computed, not trained: the same for every seed, without an interval."""

    @property
    def falling(self) -> bool:
        """Whether smaller numbers speak for the claim."""
        return self.smaller if self.opposite is None else self.seen < self.opposite


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question with its outcome."""

    question: Question
    value: float | None
    """Mean over seeds."""
    low: float | None
    """Ends of the interval over seeds; None with a single seed."""
    high: float | None
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answers to all questions of a claim, and what they come to."""

    answers: tuple[Answer, ...]
    outcome: Outcome


def judge(questions: Sequence[Question]) -> Verdict:
    """A claim holds if all that it says is seen.

    All seen: seen. All the opposite: the opposite. Otherwise one part that is not seen, or is the
    opposite, refutes the claim: not seen. Else something is left that this budget does not settle.
    """
    answers = tuple(answered(question) for question in questions)
    outcomes: set[Outcome] = {answer.outcome for answer in answers}
    outcome: Outcome = "not-settled"
    if len(outcomes) == 1:
        (outcome,) = outcomes
    elif "not-seen" in outcomes or "opposite" in outcomes:
        outcome = "not-seen"
    return Verdict(answers=answers, outcome=outcome)


def answered(question: Question) -> Answer:
    """The outcome of one question: by where its interval lies, and never by its mean alone."""
    value, low, high = interval(question)
    return Answer(
        question=question, value=value, low=low, high=high, outcome=_outcome(question, low, high)
    )


def interval(question: Question) -> tuple[float | None, float | None, float | None]:
    """-> mean over seeds, and the ends of its 90 % interval by Student's t; None where unknown."""
    values = [value for value in question.values if value is not None]
    if len(values) < len(question.values) or not values:
        return None, None, None
    if question.ratio and min(values) <= 0:
        return None, None, None
    taken = [math.log(value) for value in values] if question.ratio else values
    back = math.exp if question.ratio else float
    mean, low, high = mean_over(taken)
    if question.exact:
        return back(mean), back(mean), back(mean)
    if low is None or high is None:
        return back(mean), None, None
    return back(mean), back(low), back(high)


def mean_over(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """-> mean over seeds, and the ends of its 90 % interval by Student's t; None for one seed."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, None, None
    freedom = len(values) - 1
    variance = sum((value - mean) ** 2 for value in values) / freedom
    quantile = _T95[freedom - 1] if freedom <= len(_T95) else _NORMAL95
    half = quantile * math.sqrt(variance / len(values))
    return mean, mean - half, mean + half


def _outcome(question: Question, low: float | None, high: float | None) -> Outcome:
    if low is None or high is None:
        return "not-settled"
    # Turned round where smaller numbers speak for the claim, so that there is one rule.
    sign = -1 if question.falling else 1
    worst, best = sorted((sign * low, sign * high))
    seen = sign * question.seen
    if worst >= seen:
        return "seen"
    if question.opposite is not None and best <= sign * question.opposite:
        return "opposite"
    # Short of `seen` it is refuted, also where the opposite is only perhaps true.
    return "not-seen" if best < seen else "not-settled"
