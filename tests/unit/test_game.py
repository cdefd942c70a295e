"""The game in the plane: its mathematics, its determinism, its sentences and its limits."""

from __future__ import annotations

import base64
import itertools
import math
import re

import numpy as np
import pytest
import torch

from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.schedules import along_cosine
from saddlepoint.studio.game import table as table_module
from saddlepoint.studio.game.breaks import BREAKS
from saddlepoint.studio.game.form import form
from saddlepoint.studio.game.frame import LINES, N_SHOWN, SURFACE, frame
from saddlepoint.studio.game.plane import Plane, even_latents, jensen_shannon
from saddlepoint.studio.game.play import Game
from saddlepoint.studio.game.script import MOST_MOVES, read_script
from saddlepoint.studio.game.setup import Setup
from saddlepoint.studio.game.table import Table
from saddlepoint.studio.game.transport import wasserstein
from saddlepoint.studio.strings import LANGUAGES, texts

DRAWN = base64.urlsafe_b64encode(bytes([28, 128, 128, 228, 228, 28])).decode().rstrip("=")


def game(text: str, at: int | None = None) -> Game:
    script = read_script(text)
    made = Game(script)
    made.follow(script, script.n_moves if at is None else at)
    return made


def weights(made: Game) -> torch.Tensor:
    nets = (made.state.generator, made.state.discriminator)
    return torch.cat([p.detach().flatten() for net in nets for p in net.parameters()])


# -- mathematics -----------------------------------------------------------------------------------


def test_wasserstein_is_the_cheapest_pairing() -> None:
    draws = np.random.default_rng(0)
    a = draws.normal(size=(64, 2))
    assert wasserstein(a, a[draws.permutation(64)]) == 0
    # A shift moves every point by itself, and no plan is shorter.
    for shift in ([0.3, 0.4], [30.0, 40.0], [0.0, -1e-3]):
        moved = (a + shift)[draws.permutation(64)]
        assert wasserstein(a, moved) == pytest.approx(math.hypot(*shift))
    # On a line the cheapest plan pairs sorted values.
    line = draws.normal(size=(2, 50, 1)) * [[[1.0]], [[3.0]]]
    sorted_gaps = np.abs(np.sort(line[0], 0) - np.sort(line[1], 0)).mean()
    assert wasserstein(*line) == pytest.approx(sorted_gaps)
    for _ in range(5):
        b, c = draws.normal(size=(2, 6, 2))
        every = (
            np.linalg.norm(b - c[list(p)], axis=1).mean() for p in itertools.permutations(range(6))
        )
        assert wasserstein(b, c) == pytest.approx(min(every))
        assert wasserstein(b, c) == pytest.approx(wasserstein(c, b))
    with pytest.raises(ValueError, match="the same number"):
        wasserstein(a, a[1:])


@pytest.mark.parametrize(
    "setup", [Setup(), Setup(data="grid25"), Setup(data="drawn", points=DRAWN)]
)
def test_what_is_known_of_the_data_is_what_is_drawn_from_it(setup: Setup) -> None:
    plane = Plane.of(setup.source(), labelled=False)
    exact = plane.shares()
    assert float(exact.sum()) == pytest.approx(1)
    torch.manual_seed(0)
    points, _ = plane.draw(200_000)
    # Counting noise: each cell's share is off by sqrt(p / n).
    assert (plane.counted(points) - exact).abs().max() < 6 * math.sqrt(float(exact.max()) / 200_000)
    assert jensen_shannon(exact, plane.counted(points)) < 0.003
    assert plane.covered(points[:4096]) == (plane.n_modes or len(plane.centres))
    one = plane.centres[:1].float().repeat(500, 1)
    assert plane.covered(one) == 1
    far = torch.full((500, 2), 1e9)
    assert plane.covered(far) == 0
    assert jensen_shannon(exact, plane.counted(far)) == pytest.approx(math.log(2), abs=1e-3)
    lost = torch.full((500, 2), math.nan)
    assert jensen_shannon(exact, plane.counted(lost)) == pytest.approx(math.log(2), abs=1e-3)


def test_jensen_shannon_has_its_bounds() -> None:
    p = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    q = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    r = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)
    assert jensen_shannon(p, p) == 0
    assert jensen_shannon(p, q) == pytest.approx(math.log(2))
    assert jensen_shannon(p, r) == pytest.approx(jensen_shannon(r, p))
    # By hand: the middle of p and r is (3/8, 3/8, 1/4).
    by_hand = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    assert jensen_shannon(p, r) == pytest.approx(by_hand)


def test_even_latents_have_equal_shares() -> None:
    square = torch.special.ndtr(even_latents(4096).double())
    cells = (square * 16).floor().long()
    assert (cells[:, 0] * 16 + cells[:, 1]).bincount().tolist() == [16] * 256
    latents = even_latents(N_SHOWN)
    assert latents.mean(0).abs().max() < 0.02
    assert (latents.std(0) - 1).abs().max() < 0.05


# -- what a game is --------------------------------------------------------------------------------

LONG = "seed=1&moves=b130,d3,g2,lr_d=0.01,loss=hinge,b90,gp=1,b20"


def test_back_at_the_beginning_nothing_is_told() -> None:
    table = Table()
    assert table.play("a-game-of-ours", "seed=5&moves=b10", 10, False)["said"]
    assert not table.play("a-game-of-ours", "seed=5", 0, False)["said"]


def test_penalties_keep_their_strength() -> None:
    """Whatever schedule the preset for points has."""
    train = Setup(r1=1.0).config().train
    assert along_cosine(1.0, train.final_penalty_factor, 1.0) == 1.0


def test_a_game_is_a_function_of_its_text_whatever_way_led_there() -> None:
    straight = game(LONG, at=207)
    back = weights(straight)
    straight.follow(straight.script, 245)
    wandering = game("seed=2&moves=b3")
    wandering.follow(read_script(LONG), 60)
    wandering.follow(read_script("seed=1&moves=b130,d9"), 139)  # another branch
    wandering.follow(read_script(LONG), 220)
    wandering.follow(wandering.script, 207)
    assert torch.equal(weights(wandering), back)
    wandering.follow(wandering.script, 245)
    assert torch.equal(weights(wandering), weights(straight))
    # The doctor's rows too, so that its findings are the same.
    assert len(straight.rows) > 8
    assert wandering.rows == straight.rows
    assert wandering.doctor.history.rows == straight.doctor.history.rows
    assert frame(wandering, measure=True) == frame(straight, measure=True)


def test_single_steps_move_one_player_and_the_seed_decides() -> None:
    start = game("seed=3")
    generator = [p.clone() for p in start.state.generator.parameters()]
    start.follow(read_script("seed=3&moves=d5"), 5)
    assert all(map(torch.equal, generator, start.state.generator.parameters()))
    discriminator = [p.clone() for p in start.state.discriminator.parameters()]
    start.follow(read_script("seed=3&moves=d5,g4"), 9)
    assert all(map(torch.equal, discriminator, start.state.discriminator.parameters()))
    assert not all(map(torch.equal, generator, start.state.generator.parameters()))
    assert not torch.equal(weights(game("seed=4")), weights(game("seed=3")))
    assert torch.equal(weights(game("seed=3&moves=b1,b2")), weights(game("seed=3&moves=b3")))


def test_two_games_do_not_disturb_each_other_or_the_caller() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one = game("seed=1&gp=1&loss=wasserstein&moves=b4")
    other = game("seed=2&moves=b4")
    for at in (5, 6):
        for made, seed in ((one, "seed=1&gp=1&loss=wasserstein"), (other, "seed=2")):
            made.follow(read_script(f"{seed}&moves=b{at}"), at)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(weights(one), weights(game("seed=1&gp=1&loss=wasserstein&moves=b6")))


@pytest.mark.parametrize("loss", registry.names("loss"))
def test_every_loss_plays_and_its_arrows_lower_the_generators_loss(loss: str) -> None:
    made = game(f"loss={loss}&batch=16&moves=b2,d8")
    points = made.look().points
    pulls = made.pulls(points)
    real = made.judged(made.real, real=True)

    def value(at: torch.Tensor) -> float:
        return float(made.config.loss.generator(made.judged(at), real).mean())

    assert value(points + 1e-3 * pulls) < value(points)
    assert value(points - 1e-3 * pulls) > value(points)


# -- what is shown and said ------------------------------------------------------------------------


def test_a_frame_holds_what_is_drawn() -> None:
    shown = frame(game("seed=0&moves=b2"), measure=True)

    def numbers(text: str, kind: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(text), kind)

    assert (
        numbers(shown["fake"], "<i2").shape == numbers(shown["real"], "<i2").shape == (2 * N_SHOWN,)
    )
    assert numbers(shown["grid"], "<i2").shape == (2 * LINES**2,)
    assert numbers(shown["surface"]["data"], "<u2").shape == (SURFACE**2,)
    assert np.abs(numbers(shown["pulls"], "<i1")).max() <= 127
    # The real points come back as they are: on a circle of radius 1.
    radius = np.hypot(*(numbers(shown["real"], "<i2").reshape(-1, 2).T / 8192 * shown["extent"]))
    assert abs(radius.mean() - 1) < 0.02
    assert shown["surface"]["kind"] == "probability"
    assert shown["distances"]["of"] == 8
    assert 0 <= shown["distances"]["js"] <= math.log(2)
    assert frame(game("loss=hinge"), measure=False)["surface"]["kind"] == "score"
    assert frame(game(f"data=drawn&points={DRAWN}"), measure=True)["distances"]["modes"] is None
    labelled = frame(game("labels=onehot&moves=b1"), measure=False)
    assert sorted(set(numbers(labelled["fake_labels"], "<u1"))) == list(range(8))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("moves=d1", ["d-blind"]),
        ("moves=d6", ["d-sure"]),
        ("lr_g=0.01&lr_d=0.00001&moves=g40,d1", ["d-fooled"]),
        ("moves=b40", ["d-r1", "g-climbed"]),
        ("r1=0&moves=b30", ["d-free", "g-climbed"]),
        ("gp=1&r1=0&loss=wasserstein&n_critic=3&moves=b15", ["d-penalty", "g-climbed"]),
        ("loss=wasserstein&clip=0.01&r1=0&moves=b1", ["d-clipped", "g-flat"]),
        # log(1 - D) is flat where the discriminator is sure, and -log D is not.
        ("r1=0&lr_d=0.01&loss=minimax&moves=d60,g1", ["g-flat"]),
        ("r1=0&lr_d=0.01&moves=d60,g1", ["g-climbed"]),
        ("lr_g=0.02&moves=d5,b12", ["d-r1", "g-jump"]),
        ("latent_scale=0.001&moves=d30,g1", ["g-narrow"]),
    ],
)
def test_the_sentence_says_why(text: str, expected: list[str]) -> None:
    said = frame(game(text), measure=False)["said"]
    assert len(said) == len(expected)
    assert all(one["why"].startswith(why) for one, why in zip(said, expected, strict=True)), said
    for language in LANGUAGES:
        words = texts(language)
        for one in said:
            for template in (words[f"game.said-{one['what']}"], words[f"game.why-{one['why']}"]):
                assert set(re.findall(r"\{(\w+)\}", template)) <= set(one["values"])


def test_both_languages_say_the_same_and_lack_nothing() -> None:
    english, vietnamese = (
        {k: v for k, v in texts(lang).items() if k.startswith("game.")} for lang in ("en", "vi")
    )
    assert english.keys() == vietnamese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", vietnamese[key])), (
            key
        )
    known = form()
    needed = [f"game.f-{name}" for name in known["defaults"] if name != "points"]
    needed += [f"game.loss-{name}" for name in known["losses"]]
    needed += [f"game.break-{b.name}{end}" for b in BREAKS for end in ("", "-story", "-mend")]
    needed += [f"game.finding-{name}" for b in BREAKS for name in b.findings]
    assert [key for key in needed if key not in english] == []
    for one in BREAKS:
        Setup().with_texts(one.setup).with_texts(one.mend)


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr=1", "did you mean"),
        ("lr_d=fast", "lr_d"),
        ("lr_d=7", "lr_d=7"),
        ("loss=hunge", "did you mean 'hinge'"),
        ("batch=100000", "batch"),
        ("width_d=4096", "width_d"),
        ("n_critic=1e9", "n_critic"),
        ("seed=99999999999999999999", "64 bits"),
        ("data=drawn", "Draw at least 3"),
        ("data=drawn&points=%%%", "base64url"),
        ("data=drawn&points=" + "AAAA" * 500, "at most"),
        ("data=drawn&labels=onehot&points=" + DRAWN, "no labels"),
        ("labels=every-layer", "BatchNorm"),
        ("moves=x3", "is not a move"),
        ("moves=b0", "is not a move"),
        ("moves=b3,seed=4", "cannot change"),
        (f"moves=b{MOST_MOVES},d1", "at most"),
        ("moves=" + "b1,lr_d=0.1," * 5000, "characters"),
        ("target=nan", "target"),
    ],
)
def test_a_text_that_is_no_game_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        Game(read_script(text))


def test_the_table_keeps_few_games_and_no_idle_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    for index in range(table_module.MOST_GAMES + 2):
        table.play(f"game-{index:03d}", "batch=2&moves=b1", 1, measure=False)
    assert len(table) == table_module.MOST_GAMES
    # A game that was dropped is made again, to the same frame.
    again = table.play("game-000", "batch=2&moves=b1", 1, measure=False)
    assert again == table.play("game-009", "batch=2&moves=b1", 1, measure=False)
    monkeypatch.setattr(table_module, "IDLE_SECONDS", -1.0)
    table.play("game-003", "batch=2", 0, measure=False)
    assert len(table) == 0
    for name, at in (("short", 0), ("game-001", 2), ("game-001", -1)):
        with pytest.raises(InputError):
            table.play(name, "moves=b1", at, measure=False)


def test_an_answer_comes_in_time_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "FRAME", 0.0)
    table, text = Table(), "batch=2&moves=b3"
    reached = [table.play("game-slow", text, 3, measure=False)["at"] for _ in range(3)]
    assert reached == [1, 2, 3]
