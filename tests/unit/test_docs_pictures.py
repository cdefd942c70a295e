"""The script that fills the guide with what `saddle lab claims` measured, on a made-up folder."""

from __future__ import annotations

import json
from pathlib import Path

import docs_pictures
import pytest
from docs_pictures import COLOURS, Measured, fill
from PIL import Image

pytest.importorskip("matplotlib")

PAGE = """# A chapter

before

### `fid-bias`

> As it was said before.

**Varied.** This. **Held equal.** That.

<!-- claim fid-bias -->

*nothing yet*

<!-- end -->

between

<!-- claim batch-norm -->

*as it was*

<!-- end -->
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A guide of one chapter, filled from a lab of one claim with made-up numbers."""
    lab, docs = tmp_path / "lab", tmp_path / "docs"
    (lab / "fid-bias").mkdir(parents=True)
    (lab / "lab.json").write_text(json.dumps({"minutes": 3.0, "data": "digits"}))
    settings = {"most": 1000, "sizes": [250, 500, 1000]}
    for seed in (0, 2, 10):
        numbers = {"sizes": [250, 500, 1000], "fid": [4.0 + seed / 100, 2.0, 1.0]}
        numbers |= {"rest": 0.01, "slope": 1000.0}
        document = {"seed": seed, "data": "digits", "settings": settings, "numbers": numbers}
        document |= {"claim": "fid-bias", "seconds": 2.0}
        (lab / "fid-bias" / f"seed-{seed}.json").write_text(json.dumps(document))
    for folder in ("lecture", "vi"):
        (docs / folder).mkdir(parents=True)
        (docs / folder / "7-measures.md").write_text(PAGE, encoding="utf-8")
    assert fill(lab, docs) == ["fid-bias"]
    return docs


def test_a_block_has_the_picture_the_verdict_the_numbers_and_the_command(docs: Path) -> None:
    english = (docs / "lecture/7-measures.md").read_text(encoding="utf-8")
    assert "![fid-bias](../images/claims/fid-bias.png)" in english
    assert "**Verdict: seen.**" in english
    assert "| FID of 250 images over that of 1,000 | 4.04 [3.95, 4.13] |" in english
    assert "**How to read it.** FID is never 0 here" in english
    assert "> FID depends on the number of images" in english
    assert "**Varied.** The number of images" in english
    assert "As it was" not in english.partition("between")[0]
    command = "saddle lab claims --only fid-bias --seeds 0,2,10 --minutes 3 --data digits"
    assert f"`{command}`" in english
    assert "Seeds: 0, 2, 10 · Data: digits" in english
    vietnamese = (docs / "vi/7-measures.md").read_text(encoding="utf-8")
    assert "![fid-bias](../images/claims/vi/fid-bias.png)" in vietnamese
    assert "**Kết luận: quan sát thấy.**" in vietnamese
    assert command in vietnamese


def test_the_rest_of_a_chapter_stays_and_a_second_time_changes_nothing(
    docs: Path, tmp_path: Path
) -> None:
    page = docs / "lecture/7-measures.md"
    once = page.read_text(encoding="utf-8")
    assert once.startswith("# A chapter\n\nbefore\n\n### `fid-bias`\n\n> FID")
    assert "<!-- claim fid-bias -->\n\n![" in once
    assert once.endswith(PAGE[PAGE.index("between") :])
    fill(tmp_path / "lab", docs)
    assert page.read_text(encoding="utf-8") == once


def test_the_overview_has_every_verdict_or_stays_as_it_was(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = "before\n\n<!-- verdicts -->\n\nas it was\n\n<!-- end -->\n\nafter\n"
    for folder in ("lecture", "vi"):
        (docs / folder / "README.md").write_text(was, encoding="utf-8")
    fill(tmp_path / "lab", docs)
    overview = docs / "vi/README.md"
    assert overview.read_text(encoding="utf-8") == was  # one claim is not all of them
    monkeypatch.setattr(docs_pictures, "in_order", lambda: ["fid-bias"])
    fill(tmp_path / "lab", docs)
    row = overview.read_text(encoding="utf-8").splitlines()[6]
    assert row.startswith("| [FID phụ thuộc")
    assert row.endswith("](7-measures.md#fid-bias) | quan sát thấy |")


def test_a_film_is_copied_and_shown_beside_the_picture(tmp_path: Path) -> None:
    lab, docs = tmp_path / "lab", tmp_path / "docs"
    (lab / "mode-cycle" / "seed-0").mkdir(parents=True)
    (lab / "lab.json").write_text(json.dumps({"minutes": 3.0, "data": None}))
    numbers = {}
    for name in ("slow", "fast"):
        film = f"mode-cycle/seed-0/{name}.gif"
        Image.new("L", (8, 8)).save(lab / film)
        numbers[name] = {"shares": [[1.0] + [0.0] * 7] * 2, "visited": [0], "film": film}
    document = {"claim": "mode-cycle", "seed": 0, "data": "", "settings": {}, "seconds": 1.0}
    (lab / "mode-cycle" / "seed-0.json").write_text(json.dumps(document | {"numbers": numbers}))
    claim = Measured(lab, "mode-cycle", [lab / "mode-cycle" / "seed-0.json"])
    block = claim.block(docs, "vi")
    for name in ("slow", "fast"):
        assert f"](../images/claims/mode-cycle-{name}.gif)" in block
        assert (docs / f"images/claims/mode-cycle-{name}.gif").is_file()


def test_the_pictures_differ_by_language_and_have_a_palette(docs: Path) -> None:
    folder = docs / "images/claims"
    assert (folder / "fid-bias.png").read_bytes() != (folder / "vi/fid-bias.png").read_bytes()
    with Image.open(folder / "fid-bias.png") as picture:
        assert picture.mode == "P"
        assert len(picture.getcolors() or []) <= COLOURS
