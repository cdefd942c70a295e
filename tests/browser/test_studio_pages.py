"""Every view, used as a person uses it, in both languages, both themes and on a small screen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run

PAGES = ["/runs", "/start", "/live/dcgan-digits-001", "/live/points", "/runs?q=nothing-like-this"]
READY = {"/start": "text=saddle train", "/live": ".js-line, .plot", "/runs": ".run, .empty"}


def test_runs_are_listed_and_one_is_watched(page: Page) -> None:
    # plotly's script may come first: on a second visit it is in the browser's cache.
    page.route("**/plotly.css", lambda route: (page.wait_for_timeout(700), route.continue_()))
    page.goto("/")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.locator(".run")).to_have_count(2)
    page.get_by_role("searchbox").fill("digits")
    expect(page.locator(".run")).to_have_count(1)
    page.get_by_role("link", name="dcgan · digits").click()
    expect(page.get_by_role("heading", name="dcgan · digits")).to_be_visible()
    grid = page.get_by_role("img", name="Grid of samples after 2,000 images")
    expect(grid).to_have_js_property("complete", True)
    page.get_by_role("slider").press("Home")
    expect(page.get_by_role("img", name="Grid of samples after 0 images")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(grid).to_be_visible()
    curve = page.get_by_role("img", name="Curve over training: Losses")
    expect(curve.locator(".scatterlayer path.js-line").first).to_be_visible()
    layers = [layer.bounding_box() for layer in curve.locator(".main-svg").all()]
    assert layers[0] == layers[1], "titles and legend lie over the curves"
    page.go_back()
    expect(page.locator(".run")).to_have_count(1)


# A message with an Undo goes after 12 s, which a machine without a free core may miss.
PATIENT = "{ const later = setTimeout; setTimeout = (f, ms) => later(f, ms === 12000 ? 9e8 : ms); }"


def test_a_message_stays_while_its_button_has_the_focus(page: Page) -> None:
    page.goto("/runs")
    expect(page.locator(".run").first).to_be_visible()
    page.clock.install()  # from here on, time passes when the test says so
    show = (
        "async () => (await import('/static/notices.js')).toast('Gone', {label: 'Undo', run() {}})"
    )
    page.evaluate(show)
    undo = page.get_by_role("button", name="Undo")
    undo.focus()
    page.clock.run_for(60_000)
    expect(undo).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(2_000)
    expect(undo).to_have_count(0)


def test_what_somebody_waits_for_is_not_put_off(page: Page) -> None:
    page.goto("/runs")
    done = page.evaluate(
        """async () => {
          const { paced } = await import("/static/pace.js");
          const rest = () => new Promise((resolve) => setTimeout(resolve));
          let [begun, end] = [0, null];
          const { again } = paced(() => new Promise((done) => { begun += 1; end = done; }));
          const counts = [];
          const count = async (act) => { act(); await rest(); counts.push(begun); };
          await count(() => again());
          await count(() => again(true)); // asked for during the work: right after it
          await count(() => end());
          await count(() => again()); // an ordinary change
          await count(() => end()); // is put off
          await count(() => again(true)); // until somebody waits
          return counts;
        }"""
    )
    assert done == [1, 1, 2, 2, 2, 3]


def test_a_curve_out_of_sight_is_drawn_again_when_it_is_scrolled_to_or_printed(page: Page) -> None:
    page.goto("/runs")
    page.evaluate(
        """async () => {
          const { draw } = await import("/static/plots.js");
          const far = document.createElement("div");
          far.style.paddingTop = "9000px";
          document.body.append(far);
          const place = document.createElement("div");
          far.append(place);
          const curve = { x: [1, 2], y: [1, 2], name: "b" };
          globalThis.show = (n, state = "running") => draw(place, [{ name: "a", title: "A",
            figure: { data: Array(n).fill(curve), layout: { showlegend: false } } }],
            (key) => key, { state });
          await show(1);
        }"""
    )
    lines = page.locator(".js-line")
    expect(lines).to_have_count(1)
    page.evaluate("show(2)")
    expect(lines).to_have_count(1)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(lines).to_have_count(2)
    page.evaluate("show(3)")
    expect(lines).to_have_count(2)
    page.locator(".plot").scroll_into_view_if_needed()
    expect(lines).to_have_count(3)
    page.evaluate("show(4)")  # in sight: at once
    expect(lines).to_have_count(4)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("show(5, 'finished')")  # how it ended: everywhere
    expect(lines).to_have_count(5)


def test_a_run_is_started_from_the_form_watched_stopped_resumed_and_deleted(
    page: Page, runs: Path
) -> None:
    page.add_init_script(PATIENT)
    page.goto("/runs")
    page.get_by_role("link", name="New run").first.click()
    page.get_by_label("Preset").select_option("gan-points")
    page.get_by_label("Data").select_option("ring8")
    # Large enough to go on until it is stopped.
    page.get_by_label("Budget").select_option("kimg")
    page.get_by_label("Amount").fill("3000")
    order = page.get_by_role("complementary")
    expect(order).to_contain_text("saddle train gan-points --data ring8")
    page.locator("details[data-group=train] summary").click()
    page.get_by_label("n_critic").fill("0")
    expect(page.get_by_role("alert")).to_contain_text("at least 1")
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    page.get_by_label("n_critic").fill("2")
    expect(order).to_contain_text("--train.n-critic 2")
    page.get_by_label("batch_size").fill("16")
    expect(order).to_contain_text("--train.batch-size 16")
    page.get_by_label("tick_kimg").fill("1")  # a first value soon
    expect(order).to_contain_text("--train.tick-kimg 1")
    page.get_by_role("button", name="Start training").click()
    state = page.locator(".head .state")
    expect(state).to_have_text("running")
    expect(page.get_by_role("img", name="Curve over training: Losses")).to_be_visible()
    # The page was opened before the run had anything to compare.
    expect(page.get_by_role("link", name="Compare with")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(state).to_have_text("stopped")
    run = Run(runs / "gan-points-ring8-001")
    wait_for_end(page, run)
    page.get_by_role("button", name="Resume").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("saddle resume")
    dialog.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("running")
    page.get_by_role("button", name="Stop").click()
    expect(state).to_have_text("stopped")
    wait_for_end(page, run)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".run")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".run")).to_have_count(3)
    page.locator(".run", has_text="gan-points-ring8-001").get_by_role("link").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".run")).to_have_count(2)


def wait_for_end(page: Page, run: Run) -> None:
    """A run that has ended still writes its report, longer than the studio waits for it where no
    core is free; then it can be resumed or deleted."""
    for _ in range(3000):
        with suppress(InputError), run.lock():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it writes for ever")


def test_a_finding_is_explained_and_its_remedy_becomes_a_run(page: Page, runs: Path) -> None:
    page.goto("/live/points")
    finding = page.locator("#finding-partial-mode-collapse")
    expect(finding).to_contain_text("Some kinds of points are never made.")
    expect(finding.get_by_role("row", name="diversity")).to_contain_text("0.5 to 1.5")
    curve = finding.get_by_role("img", name="Curve over training: diversity")
    expect(curve.locator(".js-line").first).to_be_visible()
    finding.get_by_role("button", name="Show what each would change").click()
    packing = finding.locator("[data-remedy=packing]")
    expect(packing.get_by_role("row", name="arch.packing")).to_contain_text("1")
    packing.get_by_role("link", name="Change more in the form").click()
    order = page.get_by_role("complementary")
    expect(order).to_contain_text("saddle train gan-points --data ring8 --arch.packing")
    page.get_by_role("button", name="Back to the preset").click()
    expect(order).not_to_contain_text("--arch.packing")
    page.go_back()
    finding.get_by_role("button", name="Show what each would change").click()
    expect(finding).to_contain_text("A new run starts")
    expect(packing).to_contain_text("saddle train gan-points --data ring8 --arch.packing 3")
    packing.get_by_role("button", name="Start a run with this change").click()
    page.wait_for_url("**/live/gan-points-*")
    expect(page.locator(".head .state")).to_have_text("finished")
    wait_for_end(page, Run(runs / page.url.rpartition("/")[2]))
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".run")).to_have_count(2)


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("vi", "dark", 390)]
)
def test_names_roles_contrast_and_width(page: Page, language: str, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    cookies = {"language": language, "theme": theme}
    page.goto("/runs")
    url = page.url
    page.context.add_cookies([{"name": n, "value": v, "url": url} for n, v in cookies.items()])
    menu = page.locator(".bar nav")
    for path in PAGES:
        page.goto(path)
        ready = next(selector for start, selector in READY.items() if path.startswith(start))
        page.locator(ready).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert menu.evaluate("menu => menu.scrollWidth <= menu.clientWidth"), path
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_it_is_used_with_the_keyboard_alone(page: Page) -> None:
    page.goto("/runs")
    expect(page.locator(".run")).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("points")
    expect(page.locator(".run")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.run') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="gan-points · ring8")).to_be_visible()
