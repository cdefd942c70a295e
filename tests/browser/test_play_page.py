"""Playing with a trained generator: every control, used as a person uses it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.cli.main import main

PICTURE = re.compile("^Your picture")


@pytest.fixture(scope="module")
def classes(runs: Path) -> Iterator[str]:
    """A conditional model with two checkpoints."""
    changes = {"train.tick_kimg": 0.1, "train.batch_size": 16, "train.sample_kimg": 0.1}
    changes |= {"arch.generator_width": 8, "arch.discriminator_width": 8}
    path = runs / "classes"
    sp.train("cgan-every-layer", "digits", out=path, kimg=0.3, changes=changes, quiet=True)
    yield path.name
    shutil.rmtree(path)


def pixels(place: Locator, index: int = 0) -> str:
    return place.locator("canvas").nth(index).evaluate("canvas => canvas.toDataURL()")


def press(slider: Locator, key: str, times: int = 1) -> None:
    slider.focus()
    for _ in range(times):
        slider.press(key)


def keep(page: Page, place: Locator, name: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        place.get_by_role("link", name=name, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_every_control(
    page: Page, classes: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.refused = True
    page.goto("/play")
    expect(page.locator(".run")).to_have_count(2)
    page.get_by_role("link", name="cgan-every-layer · digits").click()
    tiles, picked = page.locator(".tile"), page.locator(".picked")
    expect(tiles).to_have_count(24)  # torch is loaded first
    samples, walk = page.locator(".samples-panel"), page.locator(".walk")
    same = samples.locator("code")
    # Seeds, and one that is picked with the keyboard alone.
    page.get_by_role("radio", name="Seed 0, 0").focus()
    page.keyboard.press("ArrowRight")
    expect(picked.get_by_role("heading", name="Seed 1")).to_be_visible()
    seeds = page.get_by_label("Seeds", exact=True)
    seeds.fill("x")
    seeds.press("Enter")
    expect(page.locator(".box")).to_contain_text("--seeds 'x'")
    seeds.fill("2,3")
    seeds.press("Enter")
    expect(tiles).to_have_count(2)
    page.get_by_role("button", name="The next seeds").click()
    expect(same).to_contain_text("--seeds 4-5 ")
    page.get_by_role("button", name="The seeds before these").click()
    expect(same).to_contain_text("--seeds 2-3 ")
    first = page.get_by_role("radio", name="Seed 2, 2")
    expect(first).to_be_checked()
    # Directions.
    before = pixels(tiles.nth(1))
    press(page.get_by_label(re.compile(r"^Direction 1 ")), "ArrowRight", 20)
    expect(same).to_contain_text("--move 1:2 ")
    page.get_by_text("More directions").click()
    press(page.get_by_label(re.compile(r"^Direction 7 ")), "Home")
    expect(same).to_contain_text("--move 1:2,7:-3 ")
    assert pixels(tiles.nth(1)) != before
    page.get_by_role("button", name="Reset the directions").click()
    expect(same).not_to_contain_text("--move")
    assert pixels(tiles.nth(1)) == before
    # Truncation and classes.
    press(page.get_by_label("Truncation"), "ArrowLeft", 2)
    expect(same).to_contain_text("--truncation 0.9 ")
    page.get_by_label("All samples are").select_option("3")
    expect(same).to_contain_text("--labels 3 ")
    page.get_by_label("mixed with").select_option("8")
    expect(same).to_contain_text("--mix 3:0.5,8:0.5 ")
    press(page.get_by_label("Share of the second"), "ArrowRight")
    expect(same).to_contain_text("--mix 3:0.45,8:0.55 ")
    expect(picked).to_contain_text("3 (45 %) + 8 (55 %)")
    # A walk, watched and kept; the command line makes the same file.
    tiles.nth(1).click()
    picked.get_by_role("button", name="Walk from here").click()
    tiles.nth(0).click()
    picked.get_by_role("button", name="Walk to here").click()
    expect(walk).to_contain_text("Seed 3 → Seed 2")
    expect(walk.locator("code")).to_contain_text("--seeds 3,2 ")
    on_the_way = walk.get_by_role("slider")
    walk.get_by_role("button", name="Play").click()
    expect(on_the_way).not_to_have_value("0")
    walk.get_by_role("button", name="Pause").click()
    press(on_the_way, "End")
    assert pixels(walk) == pixels(walk.locator(".strip"), -1)
    monkeypatch.chdir(tmp_path)
    for place, name in [
        (walk, "Download GIF"),
        (walk, "Download PNG"),
        (walk, "Download MP4"),
        (picked, "Download PNG"),
        (samples, "Download all as PNG"),
    ]:
        given = keep(page, place, name, tmp_path).read_bytes()
        argv = shlex.split(place.locator("code").first.inner_text())[1:]
        out = f"{Path(argv[-1]).stem}.{name.split()[-1].lower()}"
        assert main([*argv[:-1], out]) == 0
        assert (tmp_path / out).read_bytes() == given, name
    # The nearest training image.
    picked.get_by_role("button", name="Nearest training image").click()
    near = picked.locator(".near")
    expect(near).to_contain_text("grey levels of 255")
    expect(near.get_by_role("img", name=re.compile(r"^Training image [\d,]+, \d$"))).to_be_visible()
    # The address holds all of it.
    page.evaluate("new Promise((rested) => setTimeout(rested, 300))")  # as it rests itself first
    command = same.inner_text()
    page.reload()
    expect(same).to_have_text(command)
    expect(near).to_contain_text("grey levels of 255")
    page.get_by_label("mixed with").select_option("")
    page.get_by_label("All samples are").select_option("")
    # A picture: refused, stopped, found, and gone on from.
    upload, choose = page.locator(".upload"), page.locator("#picture")
    odd = {"name": "odd.png", "mimeType": "image/png", "buffer": b"no picture"}
    choose.set_input_files(odd)
    expect(upload.get_by_role("alert")).to_contain_text("This picture cannot be used")
    page.evaluate(
        """() => {
          const button = [...document.querySelectorAll(".upload button")].find((b) => b.hidden);
          new MutationObserver((_, seen) => {
            if (!button.hidden) { seen.disconnect(); button.click(); }
          }).observe(button, { attributes: true });
        }"""
    )
    choose.set_input_files(tmp_path / "sample.png")
    expect(upload).to_contain_text("Stopped.")
    api.sample(runs / classes, tmp_path / "own.png", seeds=[40], labels=[6])
    choose.set_input_files(tmp_path / "own.png")
    expect(upload).to_contain_text("Found.")
    expect(upload.locator(".curve")).to_have_attribute("d", re.compile("^M.*L"))
    expect(upload.locator("code")).to_contain_text("project")
    expect(tiles).to_have_count(3)
    expect(page.get_by_role("radio", name=PICTURE)).to_be_checked()
    before = pixels(tiles.nth(0))
    press(page.get_by_label(re.compile(r"^Direction 1 ")), "ArrowRight", 10)
    expect(same).to_contain_text("--move 1:1 ")
    assert pixels(tiles.nth(0)) != before
    picked.get_by_role("button", name="Walk from here").click()
    expect(walk).to_contain_text("Your picture → Seed")
    expect(walk.locator("code")).to_contain_text("--latents walk-latents.npz")
    # The walk follows the sliders a moment later; it is kept once it has.
    expect(walk.locator("code")).to_contain_text("--move 1:1 ")
    keep(page, walk, "Download walk-latents.npz", tmp_path)
    given = keep(page, walk, "Download PNG", tmp_path).read_bytes()
    argv = shlex.split(walk.locator("code").inner_text())[1:]
    assert main([*argv[:-1], "again.png"]) == 0
    assert (tmp_path / "again.png").read_bytes() == given
    for language, theme, width in (("en", "light", 1280), ("vi", "dark", 390)):
        cookies = {"language": language, "theme": theme}
        page.context.add_cookies(
            [{"name": n, "value": v, "url": page.url} for n, v in cookies.items()]
        )
        page.set_viewport_size({"width": width, "height": 844})
        if language == "vi":
            page.reload()
            expect(page.locator(".near figure")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        axe = Axe().run(page)
        assert axe.violations_count == 0, axe.generate_report()
    page.get_by_role("button", name="Bỏ ảnh của bạn").click()
    expect(tiles).to_have_count(2)
    # Another checkpoint, and another run.
    page.get_by_role("combobox", name="Checkpoint").select_option(index=1)
    expect(page.locator(".samples-panel code")).to_contain_text("/checkpoints/")
    page.get_by_role("combobox", name="Lần chạy").select_option("dcgan-digits-001")
    expect(page.get_by_role("radio", name="Seed 23", exact=True)).to_be_visible()
    expect(page.locator("#class")).to_have_count(0)


def test_what_to_do_where_there_is_nothing_to_play_with(page: Page) -> None:
    page.refused = True
    page.route("**/api/play/", lambda route: route.fulfill(json={"runs": [], "others": 1}))
    page.goto("/play")
    expect(page.locator(".empty")).to_contain_text("No run here makes images")
    expect(page.get_by_role("link", name="New run").last).to_be_visible()
    # A model of points has no pictures to play with.
    page.goto("/play/points")
    expect(page.get_by_role("alert")).to_contain_text("makes points")
