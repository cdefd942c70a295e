"""The lecture's two applications: every family trained, measured, and beside its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saddlepoint import api
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Language, Text
from saddlepoint.data.resolve import available
from saddlepoint.data.sources.ffhq import Ffhq
from saddlepoint.data.sources.folder import Folder
from saddlepoint.lab.folders import LabFolder, chosen, command_of
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.lecture import Part, write_lecture
from saddlepoint.reporting.strings import words_in
from saddlepoint.sampling.ranges import parse_ranges

KIMG = 120
"""Two passes over Fashion-MNIST: a few minutes a model, and recognisable clothes."""

Recipe = Literal["ours", "paper", "equal"]
RECIPES: dict[Recipe, Text] = {
    "ours": Text(
        en="Recipe: ours. Each model has the settings that pay off for it within minutes, so more "
        "differs between two of them than their names say; --recipe equal gives all the same.",
        vi="Công thức: của chúng tôi. Mỗi mô hình có những thiết lập cho kết quả tốt trong vài "
        "phút, nên hai mô hình khác nhau nhiều hơn tên gọi của chúng; --recipe equal cho mọi mô "
        "hình cùng thiết lập.",
    ),
    "paper": Text(
        en="Recipe: the papers'. Each model has the settings of its paper, which were meant for "
        "days of training; families whose paper has other networks are left out.",
        vi="Công thức: của các bài báo. Mỗi mô hình có thiết lập của bài báo về nó, vốn dành cho "
        "nhiều ngày huấn luyện; những họ mô hình mà bài báo dùng mạng khác thì bị bỏ qua.",
    ),
    "equal": Text(
        en="Recipe: equal. All models have one optimiser, learning rate, latent, batch and share "
        "of wrong labels, and convolutional nets of one width: what is left differs by definition.",
        vi="Công thức: như nhau. Mọi mô hình có cùng bộ tối ưu, tốc độ học, latent, batch và tỉ lệ "
        "nhãn sai, cùng các mạng tích chập một độ rộng: điều còn khác là do định nghĩa.",
    ),
}
NO_FACES = Text(
    en="faces (no ffhq on this machine; name a folder by --faces)",
    vi="khuôn mặt (máy này không có ffhq; hãy nêu một thư mục bằng --faces)",
)
_PAPERS = {"gan": "gan", "dcgan": "dcgan-paper", "wgan": "wgan-paper"}
_PAPERS |= {"wgan-gp": "wgan-gp-paper", "cgan-onehot": "cgan-paper"}
_ADAM = {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.9}
_EQUAL = {"optim_g": _ADAM, "optim_d": _ADAM, "arch.latent_dim": 64, "train.batch_size": 64}
_EQUAL_NETS = {
    "arch.generator_width": 48,
    "arch.discriminator_width": 48,
    "arch.discriminator_residuals": 0,
    "arch.self_modulation": False,
}
"""Of convolutional nets."""
_EQUAL_LABELS: dict[str, Any] = {
    "arch.discriminator_norm": "batch",
    "arch.init": "dcgan",
    "arch.label_scale": 1.0,
    "loss": {"kind": "non-saturating"},
    "penalties": [],
    "train.wrong_label_fraction": 0.25,
}
"""Of conditional models, which are DCGANs with labels then."""


@dataclass(frozen=True, kw_only=True)
class Application(Part):
    """A data set and the families that the lecture trains on it."""

    name: str
    """Of the data set of the lecture, or of its subject."""
    presets: tuple[str, ...]
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Preset -> what differs from it here."""


FASHION = Application(
    name="fashion-mnist",
    title=Text(
        en="Fashion-MNIST: 10 kinds of clothes, 28 x 28",
        vi="Fashion-MNIST: 10 loại quần áo, 28 x 28",
    ),
    presets=(
        "gan",
        "dcgan",
        "wgan",
        "wgan-gp",
        "cgan-onehot",
        "cgan-embedding",
        "cgan-every-layer",
    ),
    published={
        "conditional model 1": (0.0991, 0.0013, 160.9237),
        "conditional model 2": (0.1906, 0.0088, 113.3874),
        "conditional model 3": (0.0950, 0.0062, 126.2724),
    },
    protocol=Text(
        en="The lecture's table names no models (most likely a conditional GAN, DCGAN and "
        "WGAN-GP), no number of images and no training time; its features are InceptionV3's, "
        "k = 3.",
        vi="Bảng của bài giảng không nêu tên mô hình (có lẽ là GAN có điều kiện, DCGAN và "
        "WGAN-GP), số ảnh và thời gian huấn luyện; đặc trưng của nó là của InceptionV3, k = 3.",
    ),
)
FACES = Application(
    name="faces",
    title=Text(en="Faces, 64 x 64", vi="Khuôn mặt, 64 x 64"),
    presets=("gan", "dcgan", "wgan-gp"),
    published={
        "GAN": (0.0104, 0.0013, 250.5502),
        "DCGAN": (0.0924, 0.0192, 149.5057),
        "WGAN-GP": (0.0088, 0.0006, 288.7550),
    },
    protocol=Text(
        en="The lecture trained on FFHQ (52,000 faces, 64 x 64) and does not say for how long; "
        "its features are InceptionV3's, k = 3.",
        vi="Bài giảng huấn luyện trên FFHQ (52.000 khuôn mặt, 64 x 64) và không nói trong bao "
        "lâu; đặc trưng của nó là của InceptionV3, k = 3.",
    ),
    # The preset's 16 latent dimensions suit clothes; faces vary in more ways.
    changes={"dcgan": {"arch.latent_dim": 64}},
)


def lecture(
    out: Path = Path("lab-lecture"),
    only: tuple[str, ...] = (),
    recipe: Recipe = "ours",
    kimg: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    faces_kimg: float | None = None,
    faces: str | None = None,
    data: str = "fashion-mnist",
    seeds: str = "0",
    features: str = "auto",
    n: int = 10_000,
    lang: Language = "en",
    threads: int = 0,
    preview: bool = True,
    quiet: bool = False,
) -> Path:
    """Train, measure and report every family; the same command continues after a kill.

    Args:
        out: Folder of the runs and of report.html.
        only: Only these families: gan, dcgan, wgan, wgan-gp, cgan-onehot, cgan-embedding,
            cgan-every-layer (default: all).
        recipe: ours (what pays off for each within minutes), paper (each paper's settings), or
            equal (one optimiser, rate, latent, batch and width for all).
        kimg: Exact budget of each model in thousands of images; a critic's five steps count five
            times (default: 120, every image of Fashion-MNIST twice).
        steps: The same number of generator steps for each model instead (default: --kimg rules).
        minutes: The same time for each model instead (default: --kimg rules).
        faces_kimg: With --kimg, the budget of each model of faces, whose images cost more
            (default: as --kimg).
        faces: Folder, zip or prepared set of faces (default: ffhq if it is on this machine).
        data: The labelled data set.
        seeds: Ranges such as 0-2; every family is trained with each.
        features: auto, inception, dinov2, classifier, rotations, pixels, or a file of weights.
        n: Images of each set in the scores, at most; as many real as generated ones.
        lang: Language of the page: en or vi.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        preview: Show the newest samples in a terminal that has colours.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: `out` holds a lab of other settings, or data that cannot be opened.
    """
    command = command_of(lecture, locals())
    api.check_budget(kimg, minutes)
    if steps is not None and (steps < 1 or kimg is not None or minutes is not None):
        raise InputError("--steps must be at least 1, and replaces --kimg and --minutes.")
    if faces_kimg is not None and kimg is None:
        raise InputError("--faces-kimg needs --kimg; give both, or --minutes alone.")
    if kimg is None and minutes is None and steps is None:
        kimg = KIMG
    here = {row.name for row in available() if row.where is not None}
    where_faces = faces or ("ffhq" if "ffhq" in here else None)
    plan = [(FASHION, data)] + ([(FACES, where_faces)] if where_faces else [])
    settings = {"minutes": minutes, "kimg": kimg, "faces_kimg": faces_kimg}
    settings |= {"faces": where_faces, "data": data, "n": n, "recipe": recipe, "steps": steps}
    presets = chosen(only, FASHION.presets, "family")
    jobs: list[tuple[Application, str, Config]] = []
    for application, name in plan:
        place = application.name if application is FACES else Path(name).stem
        budget = faces_kimg if application is FACES and faces_kimg is not None else kimg
        for seed in parse_ranges(seeds, "--seeds"):
            for preset in _families(application, presets, recipe):
                config = _by_recipe(recipe, application, preset, name, seed)
                config = _limited(config, budget, steps, threads)
                # Of every model before the first is trained, so that none dies after minutes.
                config.check(config.source.open().spec)
                jobs.append((application, f"{place}/{preset}-{seed}", config))
    if not jobs:
        raise InputError(f"--recipe {recipe} has none of {', '.join(presets)}; leave out --only.")
    # Only now: a lab that a mistyped name had claimed would refuse the name without the mistake.
    lab = LabFolder(out, settings, quiet, preview, lang)
    done: dict[str, list[Run]] = {application.name: [] for application, _ in plan}
    # One model after the other, each measured at once, so that a kill loses one model at most.
    for number, (application, run_name, config) in enumerate(jobs, 1):
        lab.say(f"Model {number} of {len(jobs)}: {run_name}")
        run = lab.train(config, run_name, minutes)
        lab.measure(run, features, n)
        done[application.name].append(run)
    parts = [(_titled(app, done[app.name][0]), done[app.name]) for app, _ in plan if done[app.name]]
    left_out = "" if where_faces else NO_FACES.to(lang)
    said, again, words = RECIPES[recipe].to(lang), api.commands_again, words_in(lang)
    return write_lecture(parts, lab.report_file, said, left_out, command, again, words)


def _families(application: Application, wanted: Sequence[str], recipe: Recipe) -> list[str]:
    """The application's presets that are wanted and that the recipe has."""
    known = [preset for preset in application.presets if preset in wanted]
    return [preset for preset in known if recipe != "paper" or preset in _PAPERS]


def _limited(config: Config, kimg: float | None, steps: int | None, threads: int) -> Config:
    """With a budget of `steps` of the generator, else of `kimg`, else its own."""
    if steps is not None:
        kimg = steps * config.train.batch_size * config.train.n_critic / 1000
    return with_changes(config, {"train.threads": threads} | ({"train.kimg": kimg} if kimg else {}))


def _by_recipe(
    recipe: Recipe, application: Application, family: str, data: str, seed: int
) -> Config:
    preset = _PAPERS[family] if recipe == "paper" else family
    config = api.configure(preset, data, seed=seed)
    changes: dict[str, Any] = {}
    if recipe == "ours":
        changes = application.changes.get(family, {})
    elif recipe == "equal":
        changes = dict(_EQUAL)
        changes |= _EQUAL_NETS if isinstance(config.arch, Dcgan) else {}
        changes |= _EQUAL_LABELS if config.arch.conditioning != "none" else {}
    config = with_changes(config, changes)
    if application is FACES and isinstance(config.source, Folder):
        # FFHQ comes in folders of a thousand faces, which are not classes.
        config = replace(config, source=Ffhq(path=config.source.path))
    return config


def _titled(application: Application, run: Run) -> Application:
    """An application under the name of the data that its runs were really trained on."""
    data = Facts.of(run).data
    size = " x ".join(map(str, data["spec"]["shape"][1:]))
    if application is FACES:
        name = {"name": str(data["name"]), "size": size}
        title = Text(en="Faces: {name}, {size}", vi="Khuôn mặt: {name}, {size}").filled(**name)
        return replace(application, title=title)
    if data["name"] == application.name:
        return application
    # The lecture's clothes have nothing to say about other data.
    about = {"name": str(data["name"]), "n": str(len(data["classes"])), "size": size}
    title = Text(en="{name}: {n} classes, {size}", vi="{name}: {n} lớp, {size}").filled(**about)
    return replace(application, title=title, published={})
