// All samples of a page: one of them is picked, by mouse, arrow keys or finger.

import { el, fill } from "../dom.js";
import { drawn, paint } from "./sheet.js";

/** `show(answer, image)`; `pick(index)` is called when another image is picked. */
export function grid(t, pick) {
  const place = el("div", { class: "tiles", role: "radiogroup", "aria-label": t("play.samples") });
  let tiles = [];
  let key = "";

  function show({ seeds, names }, image, shape, at) {
    if (key !== JSON.stringify([seeds, names])) {
      key = JSON.stringify([seeds, names]);
      const focused = place.contains(document.activeElement);
      tiles = seeds.map((seed, index) => tile(index, seed, names[index]));
      fill(place, tiles.map((one) => one.label));
      if (focused) tiles[at].input.focus();
    }
    tiles.forEach((one, index) => paint(one.canvas, image, index, shape));
    mark(at);
  }

  function tile(index, seed, name) {
    const canvas = drawn();
    const input = el("input", { type: "radio", name: "sample", value: index, class: "unseen", "aria-label": name, onchange: () => pick(index) });
    return { canvas, input, label: el("label", { class: "tile", title: name }, input, canvas,
      el("span", { "aria-hidden": "true" }, seed ?? t("play.yours-short"))) };
  }

  function mark(at) {
    if (tiles[at]) tiles[at].input.checked = true;
  }

  return { place, show, mark };
}
