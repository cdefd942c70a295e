"""Plug-ins: found by name, one class a name, taken from a user's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.registry import get, load_plugin, names, register, unknown

PLUGIN = '''
from dataclasses import dataclass
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register

@register("least-squares-of-a-user")
@dataclass(frozen=True, kw_only=True)
class LeastSquares(AdversarialLoss):
    """Squares."""
    target: float = 1.0
    """Logit of a real image."""

    def discriminator(self, real_logits, fake_logits):
        return (real_logits - self.target) ** 2 + fake_logits ** 2

    def generator(self, fake_logits, real_logits=None):
        return (fake_logits - self.target) ** 2
'''


@pytest.mark.parametrize("group", registry.HOMES)
def test_every_group_is_found_by_the_scan(group: str) -> None:
    assert names(group) == sorted(names(group))
    assert len(names(group)) >= 1
    for name in names(group):
        assert get(group, name).kind == name


def test_the_lectures_family_is_there() -> None:
    assert {"mlp", "dcgan"} <= set(names("architecture"))
    assert {"minimax", "non-saturating", "wasserstein"} <= set(names("loss"))
    assert {"gradient-penalty", "r1"} <= set(names("penalty"))


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"Unknown architecture 'dcgn'; did you mean 'dcgan'\?"):
        get("architecture", "dcgn")


def test_a_name_far_from_all_gets_the_list() -> None:
    with pytest.raises(InputError, match="known: dcgan, mlp"):
        get("architecture", "zzzzzz")


def test_the_sentence_for_an_unknown_name() -> None:
    assert unknown("flag", "kmig", ["seed", "kimg"]) == "Unknown flag 'kmig'; did you mean 'kimg'?"
    assert len(unknown("loss", "x" * 10**6, ["hinge"])) < 200


def test_a_group_is_not_searched_for_anothers_names() -> None:
    with pytest.raises(InputError, match="Unknown loss 'r1'"):
        get("loss", "r1")


@pytest.mark.usefixtures("fresh_registry")
def test_two_classes_may_not_share_a_name() -> None:
    class Impostor(get("loss", "minimax")):
        pass

    original = get("loss", "minimax")
    with pytest.raises(InputError, match=r"loss 'minimax' of .* is already registered"):
        register("minimax")(Impostor)
    assert get("loss", "minimax") is original


@pytest.mark.usefixtures("fresh_registry")
def test_one_name_may_be_used_in_two_groups() -> None:
    class Other(get("penalty", "r1")):
        pass

    register("minimax")(Other)
    assert get("penalty", "minimax") is Other


@pytest.mark.usefixtures("fresh_registry")
def test_a_users_file_brings_its_plugins(tmp_path: Path) -> None:
    file = tmp_path / "my_losses.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    assert "least-squares-of-a-user" in names("loss")
    loss = get("loss", "least-squares-of-a-user")(target=2.0)
    torch.testing.assert_close(loss.generator(torch.tensor([0.0, 2.0])), torch.tensor([4.0, 0.0]))


@pytest.mark.usefixtures("fresh_registry")
def test_a_users_file_may_be_loaded_twice(tmp_path: Path) -> None:
    """A notebook's cell that is run again is no error."""
    file = tmp_path / "my_losses.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    load_plugin(file)


@pytest.mark.usefixtures("fresh_registry")
def test_a_users_file_may_postpone_its_annotations(tmp_path: Path) -> None:
    """dataclasses look a string annotation up in sys.modules, where the file must be."""
    file = tmp_path / "my_losses.py"
    file.write_text("from __future__ import annotations\n" + PLUGIN)
    load_plugin(file)
    assert get("loss", "least-squares-of-a-user")().target == 1.0
    assert {"file": str(file), "sha256": sha256_of(file)} in registry.plugins()


@pytest.mark.usefixtures("fresh_registry")
def test_a_file_that_fails_leaves_no_module_behind(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("from __future__ import annotations\nraise OSError('no')\n")
    with pytest.raises(InputError, match=r"broken\.py: OSError: no"):
        load_plugin(file)
    assert not [name for name in sys.modules if name.endswith("broken")]


@pytest.mark.usefixtures("fresh_registry")
def test_a_users_class_of_the_same_name_does_not_replace_ours(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        PLUGIN.replace("LeastSquares", "Hinge").replace("least-squares-of-a-user", "hinge")
    )
    ours = get("loss", "hinge")
    with pytest.raises(
        InputError, match=r"'hinge' of saddlepoint_plugin_.*mine is already .*losses\.hinge"
    ):
        load_plugin(file)
    assert get("loss", "hinge") is ours


def test_a_users_class_is_refused_before_ours_was_asked_for(tmp_path: Path) -> None:
    """In a fresh process the user's file comes first; the built-in name still wins."""
    file = tmp_path / "mine.py"
    file.write_text(
        PLUGIN.replace("LeastSquares", "Hinge").replace("least-squares-of-a-user", "hinge")
    )
    command = [sys.executable, "-m", "saddlepoint", "train", "--plugins", str(file), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "already registered by saddlepoint.losses.hinge" in done.stderr


@pytest.mark.usefixtures("fresh_registry")
def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "mine.py"
        file.write_text(PLUGIN.replace("of-a-user", folder))
        load_plugin(file)
    one, two = get("loss", "least-squares-one"), get("loss", "least-squares-two")
    assert one.__module__ != two.__module__
    file.write_text(PLUGIN.replace("of-a-user", "one"))
    with pytest.raises(InputError, match="already registered"):
        load_plugin(file)


@pytest.mark.parametrize("name", ["absent.py", "notes.txt", "."])
def test_what_is_no_python_file_is_an_input_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no such Python file"):
        load_plugin(tmp_path / name)
