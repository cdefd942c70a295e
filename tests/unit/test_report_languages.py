"""Pages in Vietnamese: nothing that a reader has to understand is left in English."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from test_failures_page import STORY, TITLE, TREATED, run_of, score, written

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.texts import LANGUAGES
from saddlepoint.lab.folders import LabFolder
from saddlepoint.reporting.failures import Case
from saddlepoint.reporting.figures import PANELS
from saddlepoint.reporting.html import write_report
from saddlepoint.reporting.messages import in_language
from saddlepoint.reporting.page import language_of
from saddlepoint.reporting.strings import texts_in, words_in

ENGLISH = re.compile(
    "about|above|after|again|all|and|are|as|at|before|below|best|but|by|cannot|each|evidence|"
    "every|found|from|had|has|have|healthy|how|if|images|is|it|its|know|least|lines|loss|losses|"
    "means|more|most|nearest|newest|no|not|of|on|one|only|other|real|run|sample|samples|scores|"
    "seconds|since|than|that|the|their|there|this|training|true|what|when|where|which|"
    "with|without"
)


class Said(HTMLParser):
    """What a page says in its own language: texts, alternatives of pictures, labels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.quiet: list[bool] = [False]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.texts += [
            v for k in ("alt", "aria-label", "data-play", "title") if (v := given.get(k))
        ]
        if tag not in ("img", "meta", "link", "br"):
            # Names, code and what was recorded are the same in every language.
            foreign = tag in ("script", "style", "code", "pre") or given.get("lang") == "en"
            self.quiet.append(self.quiet[-1] or foreign)

    def handle_endtag(self, tag: str) -> None:
        self.quiet.pop()

    def handle_data(self, data: str) -> None:
        self.texts += [] if self.quiet[-1] else [data]

    def english(self) -> set[str]:
        # Names such as kid_subsets, complete-mode-collapse and train.n_critic are whole words.
        words = {word for text in self.texts for word in re.findall(r"[\w.'-]+", text.lower())}
        return {word for word in words if ENGLISH.fullmatch(word.strip("."))}


def test_a_page_of_a_run_with_findings_scores_and_treatments_is_vietnamese(tmp_path) -> None:
    run = run_of(tmp_path / "run", 0.75, [TREATED])
    numbers = {"fid": (14.0, "biased upwards: fewer than 5,000 images"), "precision": 0.6}
    numbers["class_modes"] = (9.0, "of 1,000; the published protocol takes 26,000 samples")
    score(run, **numbers)
    run.write_status("failed", 10_000, error="NaN")
    page = write_report(run, {"preset": "gan"}, {"train": "saddle train"}, words_in("vi"))
    said = Said(page.read_text())
    assert said.english() == set()
    text = " ".join(said.texts)
    for wanted in (
        *("10.000 ảnh thật", "lệch lên: ít hơn 5.000 ảnh", "14,00"),
        "trên 1.000; quy trình đã công bố lấy 26.000 mẫu",
        "Lần khắc phục thứ 1 cho oscillation, sound-optimizers: optim_g.beta1 0.95 -> 0.5",
    ):
        assert wanted in text
    english = Said(write_report(run).read_text())
    assert {"the", "images"} <= english.english()  # the test would see them


def test_curves_are_vietnamese(tmp_path) -> None:
    run = run_of(tmp_path / "run", 0.75, [])
    script = write_report(run, words=words_in("vi")).read_text().rpartition("const drawings")[2]
    assert "Real images" not in script
    for wanted in ("Số ảnh thật đã xem (nghìn)", "Mất mát", ",.", "%{x} nghìn ảnh"):
        assert json.dumps(wanted) in script


def test_a_lab_is_vietnamese(tmp_path) -> None:
    case = Case(title=TITLE, story=STORY, expected=("oscillation",))
    ways = {"untreated": [], "treated": [TREATED]}
    runs = {way: run_of(tmp_path / way, 0.75, lines) for way, lines in ways.items()}
    said = Said(written([(case, runs)], tmp_path / "report.html", "vi"))
    assert said.english() == set()
    assert all(text in " ".join(said.texts) for text in ("không khắc phục", "không quá 0,1"))


def test_every_figure_and_note_has_words() -> None:
    words = words_in("vi")
    assert all(words.get(f"figures.{panel.name}.text") for panel in PANELS)
    assert all(words.get(f"remedies.{name}") for name in registry.names("remedy"))
    # Notes that measures write into the scores.
    assert in_language("100 subsets of 1,000; standard deviation 0.5", "vi") == (
        "100 tập con, mỗi tập 1.000 ảnh; độ lệch chuẩn 0,5"
    )
    assert in_language("a note of 3", "vi") == "a note of 3"


def test_the_languages_have_the_same_texts_with_the_same_holes() -> None:
    english, vietnamese = (
        texts_in("saddlepoint.reporting.strings", language) for language in LANGUAGES
    )
    # What lies beside a plug-in in English has its Vietnamese here alone.
    alone = {key.partition(".")[0] for key in vietnamese.keys() - english.keys()}
    assert english.keys() <= vietnamese.keys()
    assert alone == {"errors", "figures", "findings", "messages", "remedies"}
    for key, text in english.items():
        holes = [set(re.findall(r"\{(\w+)\}", one)) for one in (text, vietnamese[key])]
        assert holes[0] == holes[1], key


def test_a_page_stays_in_its_language(tmp_path) -> None:
    config = replace(sp.configure("gan-points", "ring8", kimg=0.1), seed=3)
    lab = LabFolder(tmp_path / "lab", {}, quiet=True, preview=False, lang="vi")
    run = sp.Run(lab.train(config, "run", None).path)
    assert language_of(run.report_file) == "vi"
    api.report(run.path, "en")
    run.report()
    assert language_of(run.report_file) == "en"
    run.report_file.unlink()
    run.report()
    assert language_of(run.report_file) == "vi"
    run.report_file.write_text("<html lang='xx'>")
    assert language_of(run.report_file) is None
    assert language_of(tmp_path) is None
    for wrong in (lambda: run.report("xx"), lambda: sp.train("gan-points", lang="xx")):
        with pytest.raises(InputError, match="lang='xx' is not one of en, vi"):
            wrong()
