"""The game in the plane, played as a teacher plays it."""

from __future__ import annotations

import base64
import io
import re

from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def reached(page: Page, move: int) -> None:
    """Wait until a move of at least this number is asked for, which comes after those before it."""
    slider = page.locator("#game-at")
    for _ in range(6000):
        if int(slider.input_value()) >= move:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"move {slider.input_value()} instead of {move}")


def picture(page: Page, index: int = 0) -> str:
    """The pixels of a board, once it shows the move that was asked for."""
    asked = page.locator("#game-at").input_value()
    shown = re.compile(rf"^Move {asked} of \d+$")
    expect(page.locator(".history output")).to_have_text(shown)
    return page.locator("canvas.board").nth(index).evaluate("canvas => canvas.toDataURL()")


def settled(page: Page) -> str:
    """The address once it holds the game: timers of one page go off in the order of their times."""
    page.evaluate("new Promise((remembered) => setTimeout(remembered, 350))")
    return page.url


def test_five_hundred_moves_history_branch_and_the_link(page: Page) -> None:
    page.goto("/game?seed=3")
    said = page.locator(".said").first
    expect(said).to_contain_text("Nothing has been learned yet")
    press(page, "Step: discriminator")
    expect(said).to_contain_text("The discriminator learned from 128 real")
    press(page, "Step: generator")
    expect(said).to_contain_text("The generator moved its points")
    page.get_by_label("Moves a frame while it plays").select_option("25")
    press(page, "Play")
    reached(page, 500)
    press(page, "Pause")
    expect(page.locator(".numbers")).to_contain_text("of 8")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    # To an earlier move, where one more step replaces what came after it.
    slider = page.get_by_role("slider", name="Move that is shown")
    end = picture(page)
    slider.press("Home")
    expect(page.locator(".history output")).to_have_text(re.compile(r"Move 0 of 5\d\d"))
    expect(said).to_contain_text("Nothing has been learned yet")
    # The last move is known, so it is shown at once and stays, while the server is on its way.
    for key in ("End", "Home", "End"):
        slider.press(key)
    expect(said).to_contain_text("The generator moved its points")
    for _ in range(5):
        assert picture(page) == end
        page.wait_for_timeout(60)
    # The address alone gives the same pixels.
    address = settled(page)
    assert "moves=d1,g1,b" in address
    page.goto("about:blank")
    page.goto(address)
    expect(said).to_contain_text("The generator moved its points")
    assert picture(page) == end
    # Two branches of one game, with other settings in the second.
    slider.press("Home")
    for _ in range(3):
        slider.press("PageUp")
    press(page, "Branch from here")
    expect(page.locator("canvas.board")).to_have_count(2)
    page.get_by_label("Discriminator steps per round").fill("5")
    page.get_by_label("Discriminator steps per round").press("Enter")
    press(page, "Step: both")
    expect(page.locator(".said").nth(1)).to_contain_text("The discriminator learned")
    assert "b=" in settled(page)
    assert picture(page, 0) != picture(page, 1)


def test_two_games_from_one_seed_begin_alike(page: Page) -> None:
    page.goto("/game?seed=5&moves=b10")
    expect(page.locator(".said").first).to_contain_text("The generator")
    press(page, "Two games side by side")
    for index in (0, 1):
        expect(page.locator(".said").nth(index)).to_contain_text("Nothing has been learned")
    press(page, "Step: both")
    for index in (0, 1):
        expect(page.locator(".said").nth(index)).to_contain_text("The generator")
    assert picture(page, 0) == picture(page, 1)
    page.get_by_label("Loss").select_option("hinge")
    press(page, "Step: both")
    expect(page.locator(".said").nth(1)).to_contain_text("now score")
    expect(page.locator(".said").nth(0)).to_contain_text("calls the real ones real")
    press(page, "One game again")
    expect(page.locator("canvas.board")).to_have_count(1)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_is_broken_named_and_mended(page: Page) -> None:
    page.goto("/game")
    page.get_by_label("Moves a frame while it plays").select_option("25")
    press(page, "The generator wins")
    expect(page.locator(".tale")).to_contain_text("a hundred times as slowly")
    expect(page.locator(".named .chip").first).to_be_visible()
    stopped = page.get_by_role("button", name="Play", exact=True)
    expect(stopped).to_be_visible()
    press(page, "Fix it")
    expect(page.get_by_label(re.compile("^Learning rate, discriminator"))).to_have_value("-2.7")
    reached(page, 600)
    press(page, "Step: both")  # and no further by itself
    expect(stopped).to_be_visible()
    assert "lr_d=0.002" in settled(page)


def test_points_are_drawn_by_hand_and_by_keyboard_and_from_a_picture(page: Page) -> None:
    page.goto("/game")
    page.locator("#game-data").select_option("drawn")
    board = page.locator("canvas.board")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=12)
    page.mouse.up()
    expect(page.locator(".sketching output")).to_contain_text(re.compile(r"^1\d of 400 points"))
    press(page, "Clear")
    for _ in range(3):
        board.press("Space")
        board.press("ArrowUp")
    expect(page.locator(".sketching output")).to_contain_text("3 of 400 points")
    drawing = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(drawing).ellipse((60, 10, 140, 90), fill="black")
    content = io.BytesIO()
    drawing.save(content, "PNG")
    file = {"name": "disc.png", "mimeType": "image/png", "buffer": content.getvalue()}
    page.get_by_label("Outline of a picture").set_input_files(file)
    expect(page.locator(".sketching output")).to_contain_text(re.compile(r"\d\d of 400 points"))
    press(page, "Play with these")
    expect(page.locator(".said")).to_contain_text("Nothing has been learned")
    press(page, "Step: both")
    expect(page.locator(".said")).to_contain_text("The generator moved")
    text = re.search(r"points=([\w-]+)", settled(page))
    assert text
    raw = base64.urlsafe_b64decode(text[1] + "=" * (-len(text[1]) % 4))
    # All on the disc's circle: 40 of 200 pixels, and 2.4 units for 200 * 0.94 pixels.
    radii = [
        ((x - 128) ** 2 + (y - 128) ** 2) ** 0.5 / 100
        for x, y in zip(raw[::2], raw[1::2], strict=True)
    ]
    assert 0.35 < min(radii) <= max(radii) < 0.6
    bad = {"name": "bad.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.locator("#game-data").select_option("ring8")
    page.locator("#game-data").select_option("drawn")
    page.get_by_label("Outline of a picture").set_input_files(bad)
    expect(page.get_by_role("alert")).to_contain_text("not a picture that the browser can open")


def test_only_its_own_page_may_play_and_nonsense_is_refused_in_a_sentence(
    page: Page,
) -> None:
    page.goto("/game")
    wish = {"name": "a-tabs-game", "game": "batch=2&moves=b1", "at": 1, "measure": True, "label": 0}
    token = page.locator("meta[name=saddle-token]").get_attribute("content")
    assert page.request.post("/api/game/play", data=wish).status == 403
    headers = {"X-Saddle-Token": token or ""}
    answer = page.request.post("/api/game/play", data=wish, headers=headers)
    assert answer.json()["at"] == 1
    for change in ({"game": "moves=x"}, {"at": 5}, {"more": 1}, {"label": "one"}, {"name": ""}):
        refused = page.request.post("/api/game/play", data=wish | change, headers=headers)
        assert refused.status == 400, refused.text()
        assert refused.json()["error"]["en"]


def test_in_vietnamese_in_the_dark_and_on_a_phone(page: Page) -> None:
    for name, value in (("language", "vi"), ("theme", "dark")):
        page.context.add_cookies([{"name": name, "value": value, "url": page_url(page)}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/game?labels=onehot&moves=b3,loss=hinge,b2")
    expect(page.locator(".said")).to_contain_text("Generator vừa di chuyển")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The board is dark, and its buttons are reached and named.
    corner = page.locator("canvas.board").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(1, 1, 1, 1).data]"
    )
    assert max(corner[:3]) < 160
    page.keyboard.press("d")
    expect(page.locator(".said")).to_contain_text("Discriminator vừa học")
    # Each label has a surface of its own.
    before = page.locator("canvas.board").evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("Bề mặt của nhãn").select_option("3")
    page.wait_for_function(
        "old => document.querySelector('canvas.board').toDataURL() !== old", arg=before
    )
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    unnamed = page.locator("main button, main input, main select").evaluate_all(
        "all => all.filter(e => !e.textContent.trim() && !e.labels?.length && !e.ariaLabel)"
        ".map(e => e.outerHTML)"
    )
    assert unnamed == []


def page_url(page: Page) -> str:
    page.goto("/game")
    return page.url
