"""Every view, used as a person uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_runs_are_listed_and_one_is_watched(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("searchbox").fill("digits")
    expect(page.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("link", name="dcgan · digits").click()
    expect(page.get_by_role("heading", name="dcgan · digits")).to_be_visible()
    grid = page.get_by_role("img", name="Grid of samples after 2,000 images")
    expect(grid).to_have_js_property("complete", True)
    page.get_by_role("slider").press("Home")
    expect(page.get_by_role("img", name="Grid of samples after 0 images")).to_be_visible()
    curve = page.get_by_role("img", name="Curve over training: Losses")
    expect(curve.locator(".scatterlayer path.js-line").first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("listitem")).to_have_count(1)
