// Real points by hand, or from the outline of a picture. The picture does not leave the page.

import { el, fill } from "../dom.js";

const EXTENT = 1.6;
const NEAR = 0.03;
const SIDE = 128;
const MOST_FILE = 20 * 2 ** 20;

/**
 * Draw on a panel's board until `done(points)`.
 * @param most how many points a game can hold
 */
export function sketch(panel, studio, points, most, done) {
  const { t } = studio;
  const { board } = panel;
  let cursor = [0, 0];
  const status = el("output", { class: "soft" });
  const use = el("button", { class: "main", onclick: () => { end(); done(points); } }, t("game.sketch-play"));
  const clear = el("button", { onclick: () => { points = []; show(); } }, t("game.sketch-clear"));
  const picture = el("input", { type: "file", id: "game-picture", class: "unseen", accept: "image/*", onchange: load });
  const label = el("label", { for: "game-picture", class: "button" }, t("game.sketch-picture"));

  function show() {
    board.draw(null, null, { points: [...points], extent: EXTENT });
    status.textContent = t("game.sketch-count", { n: points.length, most });
    use.disabled = points.length < 3;
  }

  function add([x, y]) {
    const near = points.some(([a, b]) => Math.hypot(a - x, b - y) < NEAR);
    if (points.length < most && !near && Math.abs(x) <= 1.27 && Math.abs(y) <= 1.27) points.push([x, y]);
    show();
  }

  async function load() {
    const file = picture.files[0];
    try {
      if (!file || file.size > MOST_FILE) throw new Error("too large");
      points = await outline(file, Math.min(most, 300));
      if (points.length < 3) throw new Error("no outline");
    } catch {
      studio.toast(t("game.sketch-bad"), null, "bad");
    }
    show();
  }

  const listeners = {
    pointerdown(event) {
      event.preventDefault();
      board.canvas.focus();
      board.canvas.setPointerCapture(event.pointerId);
      add(board.place(event).map((v) => v * EXTENT));
    },
    pointermove(event) {
      if (event.buttons) add(board.place(event).map((v) => v * EXTENT));
    },
    keydown(event) {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (way) cursor = cursor.map((v, i) => Math.max(-1.25, Math.min(1.25, v + 0.05 * way[i])));
      else if (event.key === " " || event.key === "Enter") add(cursor);
      else return;
      event.preventDefault();
      studio.say(t("game.sketch-at", { x: cursor[0].toFixed(2), y: cursor[1].toFixed(2), n: points.length }));
    },
  };
  for (const [name, listener] of Object.entries(listeners)) board.canvas.addEventListener(name, listener);
  board.canvas.tabIndex = 0;
  board.canvas.classList.add("drawing");
  fill(panel.sketching, el("p", {}, t("game.sketch-how")), el("div", { class: "head" }, use, clear, picture, label, status));
  panel.sketching.hidden = false;
  show();

  function end() {
    for (const [name, listener] of Object.entries(listeners)) board.canvas.removeEventListener(name, listener);
    board.canvas.removeAttribute("tabindex");
    board.canvas.classList.remove("drawing");
    panel.sketching.hidden = true;
  }
  return end;
}

/** Points along the edges of a picture, at most `n`, spread as evenly as its edges are. */
export async function outline(file, n) {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, SIDE, SIDE);
  const scale = (0.94 * SIDE) / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  pen.drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  const grey = (x, y) => {
    const i = 4 * (y * SIDE + x);
    return 0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2];
  };
  const edges = [];
  for (let y = 1; y + 1 < SIDE; y += 1) {
    for (let x = 1; x + 1 < SIDE; x += 1) {
      const strength = Math.hypot(grey(x + 1, y) - grey(x - 1, y), grey(x, y + 1) - grey(x, y - 1));
      edges.push([strength, x, y]);
    }
  }
  edges.sort((a, b) => b[0] - a[0]);
  const strong = edges.filter(([strength]) => strength > Math.max(20, edges[0][0] * 0.35));
  // The strongest first, and none too near to one that is taken; nearer ones while there is room.
  const taken = [];
  for (let gap = 8; gap >= 1.5 && taken.length < n; gap *= 0.8) {
    for (const [, x, y] of strong) {
      if (taken.length >= n) break;
      if (!taken.some(([a, b]) => Math.hypot(a - x, b - y) < gap)) taken.push([x, y]);
    }
  }
  return taken.map(([x, y]) => [(2 * x) / (SIDE - 1) - 1, 1 - (2 * y) / (SIDE - 1)].map((v) => 1.2 * v));
}
