"""The training image nearest to a sample. Those of a run are read once, in a thread of its own."""

from __future__ import annotations

import tempfile
import threading
from typing import Any

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.outputs import writing
from saddlepoint.core.provenance import training_data
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.nearest import TrainingImages
from saddlepoint.reporting.messages import in_languages
from saddlepoint.sampling.projection import grey_error
from saddlepoint.studio.play.background import BACKGROUND, Ended
from saddlepoint.studio.play.drawing import sheet
from saddlepoint.studio.play.models import Model
from saddlepoint.studio.play.slow import from_cache
from saddlepoint.studio.play.uploads import FAULT
from saddlepoint.studio.play.wish import Wish, named


class Known:
    """The training images of one run, while they are being read and afterwards."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.training: TrainingImages | None = None
        self.said = ""
        self.state: dict[str, Any] = {"state": "reading"}
        self.thread = BACKGROUND.begin(self._read)

    def _read(self) -> None:
        try:
            train = training_data(self.run)
            extractor, self.said = self._extractor(train)

            def counted(what: str, done: int, of: int) -> None:
                BACKGROUND.check()
                self.state = {"state": "reading", "done": done, "of": of}

            self.training = TrainingImages.of(train, extractor, counted)
        except Ended:
            self.state = {"state": "failed", "error": "The studio ends."}
        except (InputError, RunFailed) as error:
            self.state = {"state": "failed", "error": str(error)}

    def _extractor(self, train: Dataset) -> Any:
        def learning() -> None:
            self.state = {"state": "learning"}

        with writing("A temporary file"), tempfile.TemporaryDirectory(prefix="saddle-") as folder:
            words = ["sample", str(self.run.path), "--nearest", "--seeds", "0"]
            return from_cache(
                lambda progress: choose_extractor("auto", train, "cpu", progress),
                [*words, "--out", f"{folder}/nearest.png"],
                learning,
            )


class Neighbours:
    """Those of the run that was asked about last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Known | None = None

    def of(self, model: Model, wish: Wish, at: int) -> dict[str, Any]:
        """The training image nearest to one image, or how far the reading is.

        Raises:
            InputError: there is no such image, or as `training_data`.
        """
        chosen = wish.only([at])
        with self._lock:
            known = self._known
            failed = known is not None and known.state["state"] == "failed"
            if known is None or failed or known.run.path != model.run.path:
                known = self._known = Known(model.run)
        known.thread.join(0.2)
        if known.training is None:
            if known.state["state"] == "failed" or not known.thread.is_alive():
                raise InputError(known.state.get("error", FAULT))
            return known.state
        image = model.sampler.images(*chosen.made(model), wish.truncation)[0]
        found = known.training.nearest(image[None], k=1)
        near = found.images[0, 0]
        index, data = int(found.index[0, 0]), known.training.data
        # The training data are those of a run: of another checkpoint there is no such command.
        whole = named(model) == str(model.run.path)
        latents = "sample-latents.npz"  # as for the sample itself
        command = chosen.command(model, "nearest.png", "--nearest", latents=latents)
        return {
            "state": "found",
            "command": command if whole else "",
            "image": sheet(near[None]),
            "index": index,
            "label": None if data.labels is None else int(data.labels[index]),
            "classes": list(data.classes),
            "ratio": float(found.ratio[0]),
            "apart": round(grey_error(image, near), 2),
            "features": in_languages(known.said),
        }


NEIGHBOURS = Neighbours()
