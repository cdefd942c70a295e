"""Runs side by side, chosen, sent as an address and read by everybody."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect


def test_runs_are_ticked_compared_and_taken_out_again(page: Page) -> None:
    page.goto("/runs")
    for name in ("dcgan-digits-001", "points"):
        page.get_by_role("checkbox", name=f"Compare {name}").focus()
        page.keyboard.press("Space")
    page.get_by_role("link", name="Compare 2 runs").click()
    expect(page).to_have_url(re.compile(r"/compare\?runs=dcgan-digits-001,points$"))
    expect(page.get_by_text("trained on different data (digits, ring8)")).to_be_visible()
    grids = page.locator(".grids img")
    # PyTorch has to be loaded before the first image is drawn.
    expect(grids).to_have_count(2)
    first = [grid.get_attribute("src") for grid in grids.all()]
    page.get_by_label("First seed").fill("7")
    page.keyboard.press("Enter")
    for name, number in (("dcgan-digits-001", "2,000"), ("points", "2,112")):
        said = f"Samples of {name} after {number} images, from seed 7 on"
        expect(page.get_by_role("img", name=said)).to_be_visible()
    assert not set(first) & {grid.get_attribute("src") for grid in grids.all()}
    expect(page.get_by_text("saddle evaluate").first).to_be_visible()
    expect(page.get_by_text("saddle compare")).to_contain_text("--out comparison.html")
    expect(page.get_by_role("row", name="source digits")).to_contain_text("ring8")
    curve = page.get_by_role("img", name="Curve over training: Losses: Generator")
    expect(curve.locator(".js-line")).to_have_count(2)
    page.get_by_role("radio", name="time").check()
    expect(curve.locator(".xtitle")).to_have_text("Minutes of training")
    # The address alone shows the same, in the other language and theme, on a phone.
    page.context.add_cookies(
        [
            {"name": name, "value": value, "url": page.url}
            for name, value in (("language", "vi"), ("theme", "dark"))
        ]
    )
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.reload()
        expect(page.get_by_role("spinbutton", name="Seed đầu tiên")).to_have_value("7")
        expect(grids).to_have_count(2)
        expect(page.locator(".xtitle", has_text="Số phút huấn luyện").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="Bỏ points khỏi phần so sánh").click()
    expect(page.get_by_role("heading", name="Mới chọn một lần chạy")).to_be_visible()
    assert "points" not in page.url
    page.get_by_role("checkbox", name="points").check()
    expect(grids).to_have_count(2)
    page.context.clear_cookies()
    page.goto("/compare?runs=gone")
    expect(page.get_by_text("There is no run gone any more.")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
