"""What the labs share: a folder that belongs to one lab, and work that is done only once."""

from __future__ import annotations

import inspect
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.checks import MOST_SEED, in_range
from saddlepoint.core.config import Config
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.outputs import output_folder, writing
from saddlepoint.core.registry import unknown
from saddlepoint.core.runs import Run
from saddlepoint.core.streams import tell
from saddlepoint.core.texts import Language, check_language
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.reporting.facts import saddle_command


class LabFolder:
    """A folder of one lab's runs; lab.json keeps two labs of different settings apart.

    Args:
        settings: what must be the same when the lab goes on.
        lang: of the pages of its runs.

    Raises:
        InputError: `out` holds something else, or cannot be written.
        RunFailed: the machine is in trouble, such as a full disk.
    """

    def __init__(
        self,
        out: Path,
        settings: dict[str, Any],
        quiet: bool,
        preview: bool,
        lang: Language = "en",
    ) -> None:
        check_language(lang)
        in_range(settings.get("seed", 0), 0, MOST_SEED, "--seed")
        out = output_folder(out, own="lab.json")
        self.out, self.report_file = out, out / "report.html"
        self.quiet, self.preview, self.lang = quiet, preview, lang
        self._said = ""
        file = out / "lab.json"
        if not file.is_file():
            with writing(f"--out {out}"):
                out.mkdir(parents=True, exist_ok=True)
                write_json(file, settings)
            return
        before = read_json(file, dict[str, Any])
        # A setting that an older lab.json does not have yet is not a difference.
        changed = [name for name in settings if before.get(name, settings[name]) != settings[name]]
        if changed:
            was = ", ".join(f"{name}={before[name]}" for name in changed)
            raise InputError(f"--out {out} holds a lab with {was}; use the same or another folder.")

    def say(self, text: str) -> None:
        """One line on stderr."""
        if not self.quiet:
            tell(text)

    def train(self, config: Config, name: str, minutes: float | None) -> Run:
        """Train what an earlier call has not finished: from the start, or from where it was killed.

        Args:
            name: of the run's folder.
            minutes: a budget in time instead of the configuration's.
        """
        run = Run(self.out / name)
        if run.checkpoints:
            if run.status.get("state") != "finished":
                api.resume(run.path, quiet=self.quiet, preview=self.preview)
        else:
            shutil.rmtree(run.path, ignore_errors=True)  # killed before its first checkpoint
            how: dict[str, Any] = {"quiet": self.quiet, "preview": self.preview, "lang": self.lang}
            api.train(config, out=run.path, minutes=minutes, **how)
        return run

    def train_to_the_end(self, config: Config, name: str, minutes: float | None) -> Run:
        """As `train`; a run that fails is a result here like any other."""
        # Trained again it would fail again: every run is a function of its configuration.
        if Run(self.out / name).status.get("state") != "failed":
            try:
                self.train(config, name, minutes)
            except RunFailed as failure:
                self.say(f"failed: {failure}")
        return Run(self.out / name)

    def measure(self, run: Run, features: str, n: int) -> None:
        """Measure the newest checkpoint, unless that is done."""
        # Scores belong to a checkpoint: after more training they are measured again.
        newest = run.checkpoints[-1].name
        scores = [score for score in newest_scores(run) if score["checkpoint"] == newest]
        done = {score["protocol"]["features"]["kind"] for score in scores}
        # Features by name, such as Inception's once they are here, are measured beside others.
        if done and (features in done or features not in registry.names("extractor")):
            return
        said = api.evaluate(run.path, features=features, n=n, quiet=self.quiet)[1]
        # The same sentence on the features for every model would bury the rest of the log.
        if said != self._said:
            self.say(said)
        self._said = said


def command_of(lab: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """The command line that calls a lab with these values of its parameters, defaults left out."""
    words = ["lab", lab.__name__]
    for name, parameter in inspect.signature(lab).parameters.items():
        value = given.get(name, parameter.default)
        if value == parameter.default or name == "quiet":
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return f"{saddle_command()} {shlex.join(words)}"


def chosen(only: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    """The names of `--only A B` or `--only A,B`; all known ones where none is given.

    Raises:
        InputError: an unknown name, with the nearest one and all that there are.
    """
    names = [name for word in only for name in word.split(",") if name]
    for name in names:
        if name not in known:
            # All of them: the nearest of two kinds of collapse may be the other one.
            sentence = unknown(what, name, known)
            more = "" if "known:" in sentence else f" There are: {', '.join(known)}."
            raise InputError(sentence + more)
    return names or list(known)
