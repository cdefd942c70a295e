"""The saturating loss against the non-saturating one, from the same first weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, last_distance
from saddlepoint.lab.claims._pictures import bars, gradients, photos, rows, spread
from saddlepoint.reporting.pictures import Picture

FORMS = {"minimax": "gan-minimax", "non-saturating": "gan"}
"""Loss -> preset."""
AHEAD = 5
"""Discriminator steps for each generator step in the second pair of runs."""
EARLY = 0.25
"""Share of the budget that counts as early on."""


@register("loss-forms")
@dataclass(frozen=True, kw_only=True)
class LossForms(Claim):
    """Both presets differ by the loss alone.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    chapter: ClassVar = "minimax"
    sentence: ClassVar = Text(
        en="Early on the generator learns little from minimising log(1 − D), which saturates; "
        "maximising log D gives it a stronger gradient, and the better generator.",
        vi="Ở giai đoạn đầu, generator học được ít khi cực tiểu hóa log(1 − D) vì hàm này bão hòa; "
        "cực đại hóa log D cho gradient mạnh hơn, và cho generator tốt hơn.",
    )
    varied: ClassVar = Text(
        en="The generator's loss: log(1 − D) or −log D.",
        vi="Hàm mất mát của generator: log(1 − D) hoặc −log D.",
    )
    held: ClassVar = Text(
        en="First weights, data and their order, fully connected nets, optimisers, number of "
        "steps.",
        vi="Trọng số ban đầu, dữ liệu và thứ tự, mạng kết nối đầy đủ, thuật toán tối ưu, số bước.",
    )
    meaning: ClassVar = Text(
        en="The two losses have the same fixed point and different gradients: they are not two "
        "ways of writing one thing. How much it matters depends on how sure the discriminator "
        "is: the second pair of runs gives it five steps for each of the generator's. With Adam, "
        "which divides by the gradient's own size, a small gradient still gives full steps, so "
        "that in the end the difference can be small, or go either way.",
        vi="Hai hàm mất mát có cùng điểm bất động nhưng gradient khác nhau: chúng không phải là "
        "hai cách viết của cùng một thứ. Mức khác biệt tùy thuộc vào việc discriminator chắc "
        "chắn đến đâu: ở cặp thứ hai, D được năm bước cho mỗi bước của generator. Với Adam, vốn "
        "chia cho độ lớn của chính gradient, gradient nhỏ vẫn cho bước đi đầy đủ, nên về cuối sự "
        "khác biệt có thể nhỏ, hoặc nghiêng về phía nào cũng được.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 30
    """Of each run."""
    generator_widths: tuple[int, ...] = (128, 256)
    """Hidden layers of the generator."""
    discriminator_widths: tuple[int, ...] = (256, 128)
    """Hidden layers of the discriminator."""
    ticks: int = 40
    """Lines of metrics of each run."""

    def measure(self, work: Work) -> Numbers:
        found: Numbers = {}
        for name, (preset, n_critic) in self._arms().items():
            changes = {
                "train.n_critic": n_critic,
                "arch.generator_widths": self.generator_widths,
                "arch.discriminator_widths": self.discriminator_widths,
                "train.tick_kimg": self.kimg / self.ticks,
                "train.sample_kimg": self.kimg / 4,
            }
            config = api.configure(
                preset, work.data, seed=work.seed, kimg=self.kimg, changes=changes
            )
            run = work.train(config, name)
            found[name] = self._read(run) | {"grid": work.inside(run.samples[-1])}
        return found

    @staticmethod
    def _arms() -> dict[str, tuple[str, int]]:
        """Name -> preset and n_critic."""
        even = {form: (preset, 1) for form, preset in FORMS.items()}
        return even | {f"{form}, D ahead": (preset, AHEAD) for form, preset in FORMS.items()}

    @staticmethod
    def _read(run: Run) -> Numbers:
        history = run.history
        return {
            "kimg": (history["images"] / 1000).tolist(),
            "gradients": history["grad_norm_g"].tolist(),
            "distance": last_distance(run),
        }

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def early(seed: Numbers, form: str) -> float:
            """Geometric mean: gradients run over powers of ten."""
            values = seed[form]["gradients"][: max(1, int(EARLY * self.ticks))]
            return float(np.exp(np.mean(np.log(np.maximum(values, 1e-30)))))

        def saturating(which: str, which_vi: str, more: str) -> Question:
            # Half counts as saturating; the same or more is the opposite.
            return Question(
                asks=Text(
                    en=f"The generator's gradient in the first quarter{which}, minimax over "
                    "non-saturating",
                    vi=f"Gradient của generator ở phần tư đầu{which_vi}, minimax so với "
                    "non-saturating",
                ),
                values=[
                    early(s, f"minimax{more}") / early(s, f"non-saturating{more}") for s in seeds
                ],
                seen=0.5,
                opposite=1.0,
                ratio=True,
            )

        return [
            saturating("", "", ""),
            saturating(
                f", {AHEAD} steps of D for one of G",
                f", {AHEAD} bước của D cho một bước của G",
                ", D ahead",
            ),
            Question(
                asks=Text(
                    en="Distance to the data at the end, minimax over non-saturating",
                    vi="Khoảng cách đến dữ liệu ở cuối, minimax so với non-saturating",
                ),
                values=[s["minimax"]["distance"] / s["non-saturating"]["distance"] for s in seeds],
                seen=1.15,
                opposite=1 / 1.15,
                ratio=True,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        ahead, arms = Text(en="D ahead", vi="D đi trước"), list(self._arms())
        names = [Text(*[arm.replace("D ahead", word) for word in ahead]) for arm in arms]
        norms = [
            spread(
                name,
                seeds[0][arm]["kimg"],
                [s[arm]["gradients"] for s in seeds],
                dash=index > 1,
                colour=index % 2,
            )
            for index, (arm, name) in enumerate(zip(arms, names, strict=True))
        ]
        distances = bars(
            (
                Text(en="Distance to the data at the end", vi="Khoảng cách đến dữ liệu ở cuối"),
                Text(en="The generator's loss", vi="Hàm mất mát của generator"),
                Text(en="Sliced Wasserstein", vi="Wasserstein lát cắt"),
            ),
            names,
            [("", rows(seeds, arms, "distance"))],
        )
        reads = Text(
            en="At the end of the first seed; the same latents in both grids.",
            vi="Ở cuối seed đầu tiên; hai lưới dùng cùng các vectơ ẩn.",
        )
        title, forms = Text(en="Samples, {name}", vi="Mẫu, {name}"), {form: form for form in FORMS}
        return [gradients(norms), distances, *photos(title, seeds[0], forms, reads=reads)]
