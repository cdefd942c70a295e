// The game in the plane: one game or two, played move by move.

import { el, fill } from "../dom.js";
import { packPoints, unpack, unpackPoints } from "../game/frame.js";
import { panel } from "../game/panel.js";
import { cut, read, setupAt, total, withChange, withMoves, write } from "../game/script.js";
import { settings } from "../game/settings.js";
import { sketch } from "../game/sketch.js";
import { told } from "../notices.js";
import { style } from "../parts.js";

const LAYERS = ["surface", "real", "fake", "grid", "pulls"];
const SPEEDS = [1, 2, 5, 10, 25];
/** Frames between two whose distances are taken while it plays, and frames that are kept. */
const MEASURED = 4;
const MOST_FRAMES = 2000;
/** Of each player's step in slow motion: long enough to read its sentence. */
const SLOW_SECONDS = 2.6;

export async function mount(place, studio) {
  const { t } = studio;
  await style("game/game.css");
  const form = await studio.get("/api/game/form");
  const layers = Object.fromEntries(LAYERS.map((name) => [name, true]));
  let games = [];
  let chosen = 0;
  let playing = null;
  let ended = false;
  let endSketch = null;
  /** In a game with labels: the one whose surface and grid are shown. */
  let label = 0;

  // -- games ------------------------------------------------------------------------------------

  function make(index, { setup, moves, at }) {
    return {
      index, setup, moves, at, shown: at, frames: [], busy: null, asked: 0, failure: null,
      name: `${studio.tab.slice(0, 40)}-${index}`,
      panel: panel(index, t, form.defaults),
    };
  }

  /** Play the moves of a game up to the one that is looked at, and show it. */
  function bring(game) {
    game.busy ??= follow(game).finally(() => { game.busy = null; });
    return game.busy;
  }

  async function follow(game) {
    while (!ended && games.includes(game)) {
      const [text, at, asked] = [write(game), game.at, label];
      game.asked += 1;
      const measure = !playing || playing.slow || game.asked % MEASURED === 0;
      let frame;
      try {
        frame = unpack(await studio.post("/api/game/play", { name: game.name, game: text, at, measure, label }));
      } catch (error) {
        stop();
        studio.toast(told(error), null, "bad");
        return;
      }
      if (text !== write(game) || asked !== label) continue;
      keep(game, frame);
      reshow(game);
      refreshSlider();
      // A frame that was asked for while it played may lack its distances.
      if (frame.at === game.at && (frame.distances || playing)) return;
    }
  }

  function keep(game, frame) {
    // Before the new one joins them, which is never among those that are dropped.
    if (game.frames.length >= MOST_FRAMES) game.frames = game.frames.filter((_, i) => i % 2 === 0);
    const place = game.frames.findLastIndex((one) => one.at <= frame.at);
    const there = place >= 0 && game.frames[place].at === frame.at;
    if (there) frame.distances ??= game.frames[place].distances;
    game.frames.splice(there ? place : place + 1, there ? 1 : 0, frame);
  }

  /** From here on, what was played after the move that is looked at is gone. */
  function letGo(game) {
    if (game.at === total(game.moves)) return;
    game.moves = cut(game.moves, game.at);
    game.frames = game.frames.filter((frame) => frame.at <= game.at);
  }

  function press(kind, n) {
    for (const game of games) {
      letGo(game);
      if (total(game.moves) + n > form.most_moves) {
        stop();
        studio.toast(t("game.too-long", { most: form.most_moves }), null, "bad");
        return;
      }
      game.moves = withMoves(game.moves, kind, n);
      game.at = total(game.moves);
    }
  }

  async function step(kind) {
    stop();
    press(kind, 1);
    await all();
    studio.say(games.map((game) => game.panel.place.querySelector(".said").textContent).join(" "));
  }

  /** Begin a game anew, from settings that are not the usual ones. */
  function begin(game, setup, moves = []) {
    const usual = (name, value) => String(form.defaults[name]) === String(value);
    game.setup = Object.fromEntries(Object.entries(setup).filter(([name, value]) => !usual(name, value)).map(([name, value]) => [name, String(value)]));
    game.moves = moves;
    game.at = total(moves);
    game.frames = [];
    game.failure = null;
  }

  function change(name, value) {
    const game = games[chosen];
    if (name === "data" && value === "drawn") {
      draw(game);
      return;
    }
    if (!form.fixed.includes(name) && total(game.moves)) {
      letGo(game);
      game.moves = withChange(game.moves, name, value);
    } else {
      const setup = { ...setupAt(game, game.at, form.defaults), [name]: value };
      if (setup.data !== "drawn") setup.points = "";
      else setup.labels = "none";
      begin(game, setup);
    }
    all();
  }

  function draw(game) {
    stop();
    endSketch?.();
    const before = setupAt(game, game.at, form.defaults);
    endSketch = sketch(game.panel, studio, unpackPoints(before.points), form.most_points, (points) => {
      endSketch = null;
      begin(game, { ...before, data: "drawn", labels: "none", points: packPoints(points) });
      all();
    });
  }

  async function all() {
    if (endSketch) { endSketch(); endSketch = null; }
    refresh();
    await Promise.all(games.map(bring));
    refresh();
  }

  // -- playing ----------------------------------------------------------------------------------

  async function play(slow = false, until = Infinity) {
    const mine = (playing = { slow });
    refresh();
    let half = "d";
    while (playing === mine && !ended) {
      const started = performance.now();
      const left = until - games[chosen].at;
      if (left <= 0) break;
      const n = slow ? (half === "d" ? Number(setupAt(games[chosen], games[chosen].at, form.defaults).n_critic) : 1) : Math.min(Number(speed.value), left);
      press(slow ? half : "b", n);
      half = half === "d" ? "g" : "d";
      await Promise.all(games.map(bring));
      if (slow) studio.say(games[chosen].panel.place.querySelector(".said").textContent);
      refreshSlider();
      const rest = slow ? 1000 * SLOW_SECONDS - (performance.now() - started) : 0;
      await new Promise((resume) => (rest > 0 ? setTimeout(resume, rest) : requestAnimationFrame(resume)));
    }
    if (playing === mine) stop();
  }

  function stop() {
    if (!playing) return;
    playing = null;
    all();
  }

  async function fail(one) {
    stop();
    const game = games[chosen];
    const { seed } = { ...form.defaults, ...game.setup };
    begin(game, { ...form.defaults, seed, ...one.setup });
    game.failure = one;
    // The buttons lie below the board, and what happens is to be seen.
    stage.scrollIntoView({ block: "start" });
    await all();
    play(false, one.moves);
  }

  async function mend(game) {
    stop();
    chosen = games.indexOf(game);
    const { failure } = game;
    if (Object.keys(failure.mend).some((name) => form.fixed.includes(name))) {
      begin(game, { ...setupAt(game, game.at, form.defaults), ...failure.mend });
    } else {
      letGo(game);
      for (const [name, value] of Object.entries(failure.mend)) game.moves = withChange(game.moves, name, value);
    }
    game.failure = { ...failure, mending: true };
    await all();
    play(false, game.at + failure.mended);
  }

  /** A second game beside the first: the same one so far, or its branch from here. */
  function second(here) {
    stop();
    const first = games[0];
    const moves = here ? cut(first.moves, first.at) : [];
    games[1]?.panel.stop();
    games = [first, make(1, { setup: { ...first.setup }, moves, at: total(moves) })];
    chosen = 1;
    if (!here) begin(games[0], { ...form.defaults, ...first.setup });
    arrange();
    all();
  }

  function single() {
    stop();
    games.pop().panel.stop();
    chosen = 0;
    arrange();
    all();
  }

  // -- the page ---------------------------------------------------------------------------------

  const button = (key, run, options = {}) => el("button", { onclick: run, ...options }, t(`game.${key}`));
  const playButton = button("play", () => (playing ? stop() : play()), { class: "main", "aria-keyshortcuts": "p" });
  const slowButton = button("slow", () => (playing?.slow ? stop() : play(true)), { "aria-keyshortcuts": "s" });
  const steps = ["d", "g", "b"].map((kind) => button(`step-${kind}`, () => step(kind), { "aria-keyshortcuts": kind, class: `by-${kind}` }));
  const speed = el("select", { id: "game-speed" }, SPEEDS.map((n) => el("option", { value: n, selected: n === 5 }, t("game.speed", { n }))));
  const slider = el("input", { type: "range", min: 0, step: 1, id: "game-at", "aria-label": t("game.history"), oninput: slide, onchange: () => all() });
  const where = el("output", { for: "game-at", class: "soft" });
  const branch = button("branch", () => second(true));
  const again = button("again", () => { stop(); games.forEach((game) => begin(game, { ...form.defaults, ...game.setup })); all(); });
  const two = button("two", () => (games.length > 1 ? single() : second(false)));
  const copy = button("copy", async () => {
    await navigator.clipboard.writeText(studio.link);
    studio.toast(t("studio.copied"));
  });
  const shown = el("div", { class: "layers", role: "group", "aria-label": t("game.layers") }, LAYERS.map((name) =>
    el("label", { class: `layer layer-${name}` }, el("input", { type: "checkbox", checked: true, onchange: (event) => {
      layers[name] = event.target.checked;
      games.forEach(reshow);
    } }), el("span", { class: "swatch", "aria-hidden": "true" }), t(`game.layer-${name}`))));
  const labels = el("select", { id: "game-label", onchange: () => { label = Number(labels.value); all(); } });
  const ofLabel = el("div", { class: "of-label", hidden: true }, el("label", { for: "game-label" }, t("game.label")), labels);
  shown.append(ofLabel);
  const panels = el("div", { class: "games" });
  const which = el("div", { class: "which", role: "radiogroup", "aria-label": t("game.which") });
  const breaks = el("div", { class: "breaks" }, form.breaks.map((one) =>
    el("button", { onclick: () => fail(one), "data-break": one.name }, t(`game.break-${one.name}`))));
  const set = settings(form, t, change);

  const stage = el("section", { class: "stage" }, panels,
    el("div", { class: "transport card" },
      el("div", { class: "presses" }, playButton, slowButton, steps, el("label", { class: "unseen", for: "game-speed" }, t("game.speed-name")), speed),
      el("div", { class: "history" }, slider, where),
      el("div", { class: "presses" }, branch, again, shown)));

  function slide() {
    if (playing) { playing = null; refresh(); }
    for (const game of games) {
      game.at = Math.min(Number(slider.value), total(game.moves));
      // The exact move comes once the slider is let go.
      reshow(game);
    }
    refreshSlider();
  }

  /** Show the newest known frame up to the move that is looked at. The server may still be on its
   * way there from a move further back: those frames are kept, but do not replace a nearer one. */
  function reshow(game) {
    const near = game.frames.findLast((frame) => frame.at <= game.at) ?? game.frames[0];
    if (!near) return;
    game.panel.show(game, near, layers);
    game.shown = near.at;
  }

  function refreshSlider() {
    const most = Math.max(...games.map((game) => total(game.moves)));
    const at = Math.max(...games.map((game) => game.at));
    slider.max = most;
    slider.value = at;
    slider.disabled = !most;
    // The move that is drawn: a game that is far behind is still on its way.
    where.textContent = t("game.at", { at: Math.max(...games.map((game) => Math.min(game.shown, most))), most });
    slider.setAttribute("aria-valuetext", where.textContent);
    remember();
  }

  function refresh() {
    playButton.textContent = t(playing && !playing.slow ? "game.pause" : "game.play");
    slowButton.textContent = t(playing?.slow ? "game.pause" : "game.slow");
    refreshSlider();
    set.show(setupAt(games[chosen], games[chosen].at, form.defaults));
    two.textContent = t(games.length > 1 ? "game.one" : "game.two");
    branch.disabled = games.length > 1 || !games[0].at;
    const count = Math.max(0, ...games.map((game) => game.frames.at(-1)?.labels ?? 0));
    ofLabel.hidden = !count;
    if (labels.length !== count) {
      label = label < count ? label : 0;
      fill(labels, Array.from({ length: count }, (_, n) => el("option", { value: n, selected: n === label }, n)));
    }
    games.forEach(tell);
  }

  /** The story of a failure that was asked for, beside its board. */
  function tell(game) {
    const { failure, panel: { tale } } = game;
    tale.hidden = !failure;
    fill(tale, failure && [
      el("h3", {}, t(`game.break-${failure.name}`)),
      el("p", {}, t(`game.break-${failure.name}-story`)),
      el("p", {}, el("strong", {}, t("game.remedy")), " ", t(`game.break-${failure.name}-mend`)),
      el("button", { class: "main", onclick: () => mend(game), disabled: failure.mending }, t("game.mend")),
    ]);
  }

  let remembering = null;
  function remember() {
    // Not begun anew with each frame: a long way would put it off until its end.
    remembering ??= setTimeout(() => {
      remembering = null;
      if (ended) return;
      const [a, b] = games.map((game) => write(game, game.at));
      const query = [a, b && `b=${encodeURIComponent(b)}`].filter(Boolean).join("&");
      studio.remember(`/game${query ? `?${query}` : ""}`);
    }, 300);
  }

  function arrange() {
    panels.className = games.length > 1 ? "games two" : "games one";
    fill(panels, games.map((game) => game.panel.place));
    which.hidden = games.length < 2;
    fill(which, games.map((game, i) => el("label", {}, el("input", { type: "radio", name: "game-which", checked: i === chosen, onchange: () => { chosen = i; refresh(); } }), t("game.game", { n: i + 1 }))));
  }

  const keys = { p: () => playButton.click(), s: () => slowButton.click(), d: () => step("d"), g: () => step("g"), b: () => step("b") };
  function onKey(event) {
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  const { query } = studio;
  games = [make(0, read(query))];
  if (query.has("b")) games.push(make(1, read(new URLSearchParams(query.get("b")))));
  fill(place,
    el("section", { class: "intro" },
      el("div", { class: "head" }, el("h1", {}, t("game.title")), two, copy),
      el("p", { class: "soft" }, t("game.about"))),
    stage,
    el("section", {}, el("h2", {}, t("game.break")), el("p", { class: "soft" }, t("game.break-about")), breaks),
    el("section", {}, el("h2", {}, t("game.settings")), which, set.place),
    el("section", {}, el("details", {}, el("summary", {}, t("game.reading")),
      ["modes", "js", "w", "gap", "right"].map((key) => el("p", {}, el("strong", {}, t(`game.n-${key}`)), ": ", t(`game.n-${key}-help`))))));
  addEventListener("keydown", onKey);
  arrange();
  all();
  return () => {
    ended = true;
    playing = null;
    removeEventListener("keydown", onKey);
    games.forEach((game) => game.panel.stop());
  };
}
