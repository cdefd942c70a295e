// What plays a game and goes through its history: buttons, speed, slider, what the board shows.

import { el, fill } from "../dom.js";

const LAYERS = ["surface", "real", "fake", "grid", "pulls"];
const SPEEDS = [1, 2, 5, 10, 25];

/**
 * @param does what is called: play, slow, step(kind), slide(at), settle, branch, again, relabel and redraw
 */
export function transport(t, does) {
  const layers = Object.fromEntries(LAYERS.map((name) => [name, true]));
  const button = (key, run, options = {}) => el("button", { onclick: run, ...options }, t(`game.${key}`));
  const play = button("play", does.play, { class: "main", "aria-keyshortcuts": "p" });
  const slow = button("slow", does.slow, { "aria-keyshortcuts": "s" });
  const steps = ["d", "g", "b"].map((kind) => button(`step-${kind}`, () => does.step(kind), { "aria-keyshortcuts": kind, class: `by-${kind}` }));
  const speed = el("select", { id: "game-speed" }, SPEEDS.map((n) => el("option", { value: n, selected: n === 5 }, t("game.speed", { n }))));
  const slider = el("input", { type: "range", min: 0, step: 1, id: "game-at", "aria-label": t("game.history"), oninput: () => does.slide(Number(slider.value)), onchange: does.settle });
  const where = el("output", { for: "game-at", class: "soft" });
  const branch = button("branch", does.branch);
  const shown = el("div", { class: "layers", role: "group", "aria-label": t("game.layers") }, LAYERS.map((name) =>
    el("label", { class: `layer layer-${name}` }, el("input", { type: "checkbox", checked: true, onchange: (event) => {
      layers[name] = event.target.checked;
      does.redraw();
    } }), el("span", { class: "swatch", "aria-hidden": "true" }), t(`game.layer-${name}`))));
  const labels = el("select", { id: "game-label", onchange: does.relabel });
  const ofLabel = el("div", { class: "of-label", hidden: true }, el("label", { for: "game-label" }, t("game.label")), labels);
  shown.append(ofLabel);

  const place = el("div", { class: "transport card" },
    el("div", { class: "presses" }, play, slow, steps, el("label", { class: "unseen", for: "game-speed" }, t("game.speed-name")), speed),
    el("div", { class: "history" }, slider, where),
    el("div", { class: "presses" }, branch, button("again", does.again), shown));

  function show({ playing, canBranch, nLabels }) {
    play.textContent = t(playing && !playing.slow ? "game.pause" : "game.play");
    slow.textContent = t(playing?.slow ? "game.pause" : "game.slow");
    branch.disabled = !canBranch;
    ofLabel.hidden = !nLabels;
    if (labels.length === nLabels) return;
    const kept = labels.value;
    fill(labels, Array.from({ length: nLabels }, (_, n) => el("option", { value: n, selected: String(n) === kept }, n)));
  }

  /** @param drawn the move on the board: a game that is far behind is still on its way to `at` */
  function showHistory({ at, drawn, most }) {
    slider.max = most;
    slider.value = at;
    slider.disabled = !most;
    where.textContent = t("game.at", { at: drawn, most });
    slider.setAttribute("aria-valuetext", where.textContent);
  }

  return {
    place, layers, show, showHistory,
    /** Moves to a frame while it plays. */
    get speed() { return Number(speed.value); },
    /** In a game with labels: the one whose surface and grid are shown. */
    get label() { return Number(labels.value); },
  };
}
