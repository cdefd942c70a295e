"""The widgets in a browser: a page that does for them what Jupyter and marimo do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import saddlepoint as sp
from saddlepoint import notebook

ADDRESS = "http://127.0.0.1:9/"  # nobody listens there: the page is the test's own
PAGE = '<!doctype html><html><body style="color: COLOUR; background: GROUND"></body></html>'
# A model as anywidget gives one, over the functions `ask` and `save` of the test.
MODEL = """async ([esm, given]) => {
  const bytes = (value) => value?.$bytes === undefined ? value
    : new DataView(Uint8Array.from(atob(value.$bytes), (c) => c.charCodeAt(0)).buffer);
  const whole = (value) => value?.constructor === Object && value.$bytes === undefined
    ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, bytes(v)])) : bytes(value);
  const state = {}, heard = new Map();
  const fire = (kind, ...values) => [...(heard.get(kind) ?? [])].forEach((f) => f(...values));
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: async () => { await save(state.script); window.saved = state.script; },
    send: async (asked) => {
      const [said, body] = await ask(asked);
      fire("msg:custom", said, [bytes(body)]);
    },
    on: (kind, f) => heard.set(kind, [...(heard.get(kind) ?? []), f]),
    off: (kind, f) => heard.set(kind, (heard.get(kind) ?? []).filter((one) => one !== f)),
  };
  window.update = (values) => Object.entries(values).forEach(([name, value]) => {
    state[name] = whole(value);
    fire(`change:${name}`);
  });
  update(given);
  const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  window.leave = (await import(address)).default.render({ model, el: document.body });
}"""


def in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: in_json(one) for key, one in value.items()}
    return value


def state_of(widget: Any) -> dict[str, Any]:
    """What the frame is given."""
    names = ("view", "language", "height", "modules", "style", "files", "known", "rest")
    return {name: in_json(getattr(widget, name)) for name in (*(f"_{n}" for n in names), "script")}


@pytest.fixture
def shown(new_context) -> Iterator[Any]:
    """`shown(widget)`: a page with the widget, and the frame in it."""
    context = new_context(viewport={"width": 1000, "height": 800})
    wrong: list[str] = []

    def show(widget: Any, dark: bool = False) -> tuple[Any, Any]:
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))

        def answer(route: Any) -> None:
            if route.request.url != ADDRESS:
                wrong.append(route.request.url)
            colours = ("#eee", "#111") if dark else ("#111", "#fff")
            html = PAGE.replace("COLOUR", colours[0]).replace("GROUND", colours[1])
            route.fulfill(body=html, content_type="text/html")

        page.route("**/*", answer)

        def ask(asked: Any) -> list[Any]:
            said, bodies = widget.answer(asked)
            return [said, in_json(bodies[0])]

        page.expose_function("ask", ask)
        page.expose_function("save", lambda script: setattr(widget, "script", script))
        page.goto(ADDRESS)
        page.evaluate(MODEL, [str(widget._esm), state_of(widget)])
        return page, page.frame_locator("iframe")

    yield show
    context.close()
    assert wrong == []


def test_the_game_is_played_in_a_notebook(shown) -> None:
    from playwright.sync_api import expect

    widget = notebook.game("seed=3", lang="vi")
    page, frame = shown(widget, dark=True)
    frame.locator("[aria-keyshortcuts=b]").click()
    expect(frame.locator(".said p.by-g")).to_be_visible()
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(frame.locator("html")).to_have_attribute("lang", "vi")
    page.wait_for_function("window.saved === 'seed=3&moves=b1'")  # a moment after the move
    assert widget.script == "seed=3&moves=b1"
    page.evaluate("leave()")
    assert page.locator("iframe").count() == 0


def test_a_run_is_watched_before_it_begins_and_while_the_process_is_busy(
    shown, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    widget = notebook.watch(tmp_path / "run")
    page, frame = shown(widget)
    expect(frame.get_by_text("There is no run here yet")).to_be_visible()
    small = {"train.tick_kimg": 0.5, "train.sample_kimg": 0.5}
    sp.train("gan-points", "ring8", out=tmp_path / "run", kimg=2, changes=small, quiet=True)
    assert widget.refresh()
    widget.answer = None  # as in a notebook whose kernel trains: what was pushed has to do
    page.evaluate("update", {"_known": state_of(widget)["_known"]})
    expect(frame.locator(".plot .main-svg").first).to_be_visible()
    expect(frame.locator("img.grid")).to_have_js_property("complete", True)
    assert frame.locator("img.grid").evaluate("image => image.naturalWidth") > 0
    widget.close()
