"""A report as it is opened from a disk: curves, film, paper, and what is left without scripts."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

import saddlepoint as sp

FIGURE = "figure.film"


def test_a_report_moves_prints_and_needs_no_script(new_context, runs: Path, tmp_path: Path) -> None:
    page = sp.api.report(runs / "dcgan-digits-001").as_uri()
    context = new_context(color_scheme="dark", offline=True)
    tab, said = context.new_page(), []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(page)
    expect(tab.locator(".plot .main-svg").first).to_be_visible()
    newest = tab.locator(f"{FIGURE} img").get_attribute("src")
    slider = tab.get_by_role("slider", name="How far the training is")
    slider.press("Home")
    expect(tab.locator(f"{FIGURE} figcaption")).to_contain_text("after 0 real images")
    tab.get_by_role("button", name="Play").click()
    expect(tab.locator(f"{FIGURE} figcaption")).to_contain_text("after 2,000 real images")
    assert tab.locator(f"{FIGURE} img").get_attribute("src") == newest
    # On paper: white, nothing folded away, no controls.
    tab.emulate_media(media="print", color_scheme="dark")
    white = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(white) == "rgb(255, 255, 255)"
    expect(tab.locator(".controls")).to_be_hidden()
    assert len(tab.pdf(format="A4")) > 10_000
    assert said == []
    context.close()
    plain = new_context(java_script_enabled=False).new_page()
    plain.goto(page)
    expect(plain.locator(f"{FIGURE} img")).to_be_visible()
    expect(plain.locator(".strip img").first).to_be_visible()
    expect(plain.get_by_role("heading", name="Configuration")).to_be_visible()
    expect(plain.locator("noscript p")).to_contain_text("drawn by a script")
    plain.context.close()
