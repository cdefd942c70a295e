// A number over the moves of a game, as a small line.

import { el } from "../dom.js";
import { colours, onTheme } from "./colours.js";

/** `draw(points, at, range)`: points are [move, value] in the order of the moves. */
export function spark(label) {
  const canvas = el("canvas", { class: "spark", role: "img", "aria-label": label });
  let last = null;
  const redraw = () => last && draw(...last);
  const resize = new ResizeObserver(redraw);
  resize.observe(canvas);
  const themed = onTheme(redraw);

  function draw(points, at, total, [low, high], marks) {
    last = [points, at, total, [low, high], marks];
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((v) => Math.round(v * devicePixelRatio));
    if (!width) return;
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const colour = colours();
    const pad = 3 * devicePixelRatio;
    const x = (move) => pad + ((width - 2 * pad) * move) / Math.max(1, total);
    const y = (value) => height - pad - (height - 2 * pad) * Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    context.lineWidth = devicePixelRatio;
    context.strokeStyle = colour.line;
    context.strokeRect(0.5, y(high), width - 1, y(low) - y(high));
    context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    context.strokeStyle = colour.soft;
    for (const mark of marks) line(context, [[x(mark), 0], [x(mark), height]]);
    context.setLineDash([]);
    context.strokeStyle = colour.accent;
    context.lineWidth = 1.8 * devicePixelRatio;
    line(context, points.map(([move, value]) => [x(move), y(value)]));
    context.strokeStyle = colour.ink;
    context.lineWidth = devicePixelRatio;
    line(context, [[x(at), 0], [x(at), height]]);
  }

  return {
    canvas, draw,
    stop() {
      resize.disconnect();
      themed();
    },
  };
}

function line(context, places) {
  context.beginPath();
  places.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}
