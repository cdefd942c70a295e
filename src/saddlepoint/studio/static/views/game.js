// The game in the plane: one game or two, played move by move.

import { el, fill } from "../dom.js";
import { packPoints, unpack, unpackPoints } from "../game/frame.js";
import { panel } from "../game/panel.js";
import { GameRecord } from "../game/record.js";
import { cut, read, write } from "../game/script.js";
import { settings } from "../game/settings.js";
import { sketch } from "../game/sketch.js";
import { transport } from "../game/transport.js";
import { told } from "../notices.js";
import { style } from "../parts.js";

/** Frames between two whose distances are taken while it plays. */
const MEASURED = 4;
/** Of each player's step in slow motion: long enough to read its sentence. */
const SLOW_SECONDS = 2.6;

export async function mount(place, studio) {
  const { t } = studio;
  await style("game/game.css");
  const form = await studio.get("/api/game/form");
  /** Each a record, its panel, and how far the page has come in showing it. */
  let games = [];
  let chosen = 0;
  let playing = null;
  let ended = false;
  let endSketch = null;

  // -- frames -----------------------------------------------------------------------------------

  function make(index, script) {
    return {
      record: new GameRecord(form, script), panel: panel(index, t, form.defaults),
      name: `${studio.tab.slice(0, 40)}-${index}`, drawn: script.at, busy: null, asked: 0,
    };
  }

  /** Play the moves of a game up to the one that is looked at, and show it. */
  function bring(game) {
    game.busy ??= follow(game).finally(() => { game.busy = null; });
    return game.busy;
  }

  async function follow(game) {
    const { record } = game;
    while (!ended && games.includes(game)) {
      const [text, at, { label }] = [write(record), record.at, controls];
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
      if (text !== write(record) || label !== controls.label) continue;
      record.keep(frame);
      redraw(game);
      refreshHistory();
      // A frame that was asked for while it played may lack its distances.
      if (frame.at === record.at && (frame.distances || playing)) return;
    }
  }

  /** The server may still be on its way to the move that is looked at, from one further back:
   * those frames are kept, but do not replace a nearer one. */
  function redraw(game) {
    const { nearest } = game.record;
    if (!nearest) return;
    game.panel.show(game.record, nearest, controls.layers);
    game.drawn = nearest.at;
  }

  async function all() {
    if (endSketch) { endSketch(); endSketch = null; }
    refresh();
    await Promise.all(games.map(bring));
    refresh();
  }

  // -- playing ----------------------------------------------------------------------------------

  function press(kind, n) {
    for (const { record } of games) {
      if (record.press(kind, n)) continue;
      stop();
      studio.toast(t("game.too-long", { most: form.most_moves }), null, "bad");
      return;
    }
  }

  async function step(kind) {
    stop();
    press(kind, 1);
    await all();
    studio.say(games.map((game) => game.panel.words).join(" "));
  }

  async function play(slow = false, until = Infinity) {
    const mine = (playing = { slow });
    refresh();
    let half = "d";
    while (playing === mine && !ended) {
      const started = performance.now();
      const { record, panel: seen } = games[chosen];
      const left = until - record.at;
      if (left <= 0) break;
      if (slow) press(half, half === "d" ? Number(record.settings.n_critic) : 1);
      else press("b", Math.min(controls.speed, left));
      half = half === "d" ? "g" : "d";
      await Promise.all(games.map(bring));
      if (slow) studio.say(seen.words);
      refreshHistory();
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

  function slide(at) {
    if (playing) { playing = null; refresh(); }
    for (const game of games) {
      game.record.at = Math.min(at, game.record.length);
      // The exact move comes once the slider is let go.
      redraw(game);
    }
    refreshHistory();
  }

  async function fail(one) {
    stop();
    const { record } = games[chosen];
    const { seed } = { ...form.defaults, ...record.setup };
    record.begin({ ...form.defaults, seed, ...one.setup });
    record.failure = one;
    // The buttons lie below the board, and what happens is to be seen.
    stage.scrollIntoView({ block: "start" });
    await all();
    play(false, one.moves);
  }

  async function mend(game) {
    stop();
    chosen = games.indexOf(game);
    const { record, record: { failure } } = game;
    record.change(failure.mend);
    record.failure = { ...failure, mending: true };
    await all();
    play(false, record.at + failure.mended);
  }

  // -- other games ------------------------------------------------------------------------------

  function change(name, value) {
    if (name === "data" && value === "drawn") draw(games[chosen]);
    else {
      games[chosen].record.change({ [name]: value });
      all();
    }
  }

  function draw({ record, panel: on }) {
    stop();
    endSketch?.();
    const before = record.settings;
    endSketch = sketch(on, studio, unpackPoints(before.points), form.most_points, (points) => {
      endSketch = null;
      record.begin({ ...before, data: "drawn", labels: "none", points: packPoints(points) });
      all();
    });
  }

  /** A second game beside the first: the same one so far, or its branch from here. */
  function second(here) {
    stop();
    const [first] = games;
    const { setup, moves, at } = first.record;
    games[1]?.panel.stop();
    games = [first, make(1, { setup: { ...setup }, moves: here ? cut(moves, at) : [], at: here ? at : 0 })];
    chosen = 1;
    if (!here) first.record.again();
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

  const pressed = {
    play: () => (playing ? stop() : play()),
    slow: () => (playing?.slow ? stop() : play(true)),
  };
  const controls = transport(t, {
    ...pressed, step, slide, settle: all, relabel: all,
    redraw: () => games.forEach(redraw),
    branch: () => second(true),
    again() { stop(); games.forEach(({ record }) => record.again()); all(); },
  });
  const two = el("button", { onclick: () => (games.length > 1 ? single() : second(false)) }, t("game.two"));
  const copy = el("button", { onclick: async () => {
    await navigator.clipboard.writeText(studio.link);
    studio.toast(t("studio.copied"));
  } }, t("game.copy"));
  const panels = el("div", { class: "games" });
  const which = el("div", { class: "which", role: "radiogroup", "aria-label": t("game.which") });
  const breaks = el("div", { class: "breaks" }, form.breaks.map((one) =>
    el("button", { onclick: () => fail(one), "data-break": one.name }, t(`game.break-${one.name}`))));
  const set = settings(form, t, change);
  const stage = el("section", { class: "stage" }, panels, controls.place);

  function refreshHistory() {
    const most = Math.max(...games.map(({ record }) => record.length));
    const at = Math.max(...games.map(({ record }) => record.at));
    controls.showHistory({ at, most, drawn: Math.max(...games.map((game) => Math.min(game.drawn, most))) });
    remember();
  }

  function refresh() {
    const [{ record: first }] = games;
    const nLabels = Math.max(0, ...games.map(({ record }) => record.frames.at(-1)?.labels ?? 0));
    controls.show({ playing, nLabels, canBranch: games.length === 1 && first.at > 0 });
    refreshHistory();
    set.show(games[chosen].record.settings);
    two.textContent = t(games.length > 1 ? "game.one" : "game.two");
    games.forEach((game) => game.panel.tell(game.record.failure, () => mend(game)));
  }

  let remembering = null;
  function remember() {
    // Not begun anew with each frame: a long way would put it off until its end.
    remembering ??= setTimeout(() => {
      remembering = null;
      if (ended) return;
      const [a, b] = games.map(({ record }) => write(record, record.at));
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

  const keys = { p: pressed.play, s: pressed.slow, d: () => step("d"), g: () => step("g"), b: () => step("b") };
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
