// Which runs are compared: those chosen, and a list to choose from.

import { el, fill, keep } from "../dom.js";

/** The line of a run in the figures, so that its name beside it can be found there. */
export function trace({ colour, dash }) {
  if (!colour) return null;
  return el("svg", { class: "trace", viewBox: "0 0 22 8", "aria-hidden": "true" },
    el("line", { x1: 1, y1: 4, x2: 21, y2: 4, stroke: colour, "stroke-width": 4,
      "stroke-dasharray": dash === "dash" ? "6 3" : null }));
}

/**
 * A list of all runs to tick; `change(ids)` comes with each tick. `draw(lines, ids, most)` shows it,
 * with at most so many that can be ticked.
 */
export function chooser(t, change) {
  let most = Infinity;
  let lines = [];
  let ids = [];
  const list = el("ul", { class: "choices" });
  const full = el("p", { class: "soft", role: "status" });
  const search = el("input", { type: "search", placeholder: t("runs.search"), "aria-label": t("runs.search"), oninput: show });
  const place = el("details", { class: "fold choose" }, el("summary", {}, t("compare.choose")),
    el("div", { class: "inside" }, search, full, list));

  function tick(id, on) {
    ids = on ? [...ids, id] : ids.filter((one) => one !== id);
    show();
    change(ids);
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/);
    const found = lines.filter((run) => !run.pending && words.every((word) => `${run.title} ${run.path}`.toLowerCase().includes(word)));
    full.textContent = ids.length >= most ? t("compare.full", { most }) : found.length ? "" : t("runs.none-match");
    const items = found.map(({ id, title, path, state }) => ({ id, title, path, state, on: ids.includes(id), off: ids.length >= most && !ids.includes(id) }));
    keep(list, items, (run) => run.id, ({ id, title, path, state, on, off }) => el("li", {}, el("label", { class: "check" },
      el("input", { type: "checkbox", checked: on, disabled: off, onchange: (event) => tick(id, event.target.checked) }),
      el("span", {}, title, " ", el("span", { class: "soft path" }, path), state === "running" && el("span", { class: "soft" }, ` · ${t("states.running")}`)))));
  }

  return { place, draw(all, chosen, limit = most) { lines = all; ids = chosen; most = limit; show(); } };
}

/** The chosen runs, each with the line that it has in the figures, and a button that takes it out. */
export function legend(place, runs, t, remove) {
  fill(place, runs.map((run) => el("li", { class: "chip" }, trace(run),
    el("a", { href: `/live/${encodeURIComponent(run.id)}` }, run.path ?? run.id),
    el("button", { class: "plain close", "aria-label": t("compare.remove", { name: run.path ?? run.id }), onclick: () => remove(run.id) }, "×"))));
}
