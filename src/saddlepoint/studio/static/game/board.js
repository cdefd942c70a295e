// One game on a canvas: the discriminator's surface, the generator's grid, points and arrows.

import { el } from "../dom.js";
import { colours as palette, onTheme, rgb } from "./colours.js";

const LINES = 25;
const ARROW = 0.16;

/**
 * A square canvas. `draw(frame, layers)` shows a frame; `place(event)` is where a pointer is, in
 * units of the view.
 */
export function board(label) {
  const canvas = el("canvas", { class: "board", role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const field = document.createElement("canvas");
  let last = null;
  const resize = new ResizeObserver(() => redraw());
  resize.observe(canvas);
  const themed = onTheme(redraw);

  function redraw() {
    if (last) draw(...last);
  }

  function draw(frame, layers, sketch = null) {
    last = [frame, layers, sketch];
    const size = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!size) return;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const colours = palette();
    const scale = size / 2;
    const pixel = size / 640;
    const at = (points, i) => [(1 + points[2 * i]) * scale, (1 - points[2 * i + 1]) * scale];
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, size, size);
    if (sketch) {
      dots(context, sketch.points.flat().map((v) => v / sketch.extent), at, 4 * pixel, () => colours.real, true);
      return;
    }
    if (layers.surface) surface(context, field, frame.surface, size, colours, pixel);
    if (layers.grid) lattice(context, frame.grid, at, colours, pixel);
    const hue = (label) => `hsl(${(360 * label) / frame.labels} 75% ${colours.dark ? 66 : 38}%)`;
    const of = (labels, usual) => (i) => (frame.labels ? hue(labels[i]) : usual);
    if (layers.real) dots(context, frame.real, at, 3.2 * pixel, of(frame.real_labels, colours.real), true, 1.5 * pixel);
    if (layers.pulls) arrows(context, frame, at, size, colours, pixel);
    if (layers.fake) dots(context, frame.fake, at, 3.2 * pixel, of(frame.fake_labels, colours.fake), false);
  }

  return {
    canvas, draw,
    place(event) {
      const box = canvas.getBoundingClientRect();
      return [(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height];
    },
    stop() {
      resize.disconnect();
      themed();
    },
  };
}

/** Values of the surface as colours: towards the real points' colour, or the generated ones'. */
function surface(context, field, data, size, colours, pixel) {
  const { side } = data;
  if (field.width !== side) field.width = field.height = side;
  const pen = field.getContext("2d");
  const picture = pen.createImageData(side, side);
  const [real, fake] = [rgb(colours.real), rgb(colours.fake)];
  for (let i = 0; i < data.data.length; i += 1) {
    const lean = data.data[i] / 32767.5 - 1;
    const colour = lean > 0 ? real : fake;
    picture.data.set([...colour, 130 * Math.abs(lean) ** 0.8], 4 * i);
  }
  pen.putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = true;
  // The outermost samples lie on the edge of the view, so half a sample hangs over it.
  const step = size / (side - 1);
  context.drawImage(field, -step / 2, -step / 2, size + step, size + step);
  boundary(context, data, step);
  context.strokeStyle = colours.ink;
  context.globalAlpha = 0.45;
  context.lineWidth = 1.4 * pixel;
  context.stroke();
  context.globalAlpha = 1;
}

/** The line along which the discriminator cannot tell (marching squares). */
function boundary(context, { side, data }, step) {
  context.beginPath();
  const value = (x, y) => data[y * side + x] - 32767.5;
  for (let y = 0; y + 1 < side; y += 1) {
    for (let x = 0; x + 1 < side; x += 1) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
      const cross = [];
      for (let k = 0; k < 4; k += 1) {
        const [[ax, ay], [bx, by]] = [corners[k], corners[(k + 1) % 4]];
        const [a, b] = [value(ax, ay), value(bx, by)];
        if (a > 0 !== b > 0) cross.push([ax + ((bx - ax) * a) / (a - b), ay + ((by - ay) * a) / (a - b)]);
      }
      for (let k = 0; k + 1 < cross.length; k += 2) {
        context.moveTo(cross[k][0] * step, cross[k][1] * step);
        context.lineTo(cross[k + 1][0] * step, cross[k + 1][1] * step);
      }
    }
  }
}

/** Where the generator takes a square grid of latents. */
function lattice(context, grid, at, colours, pixel) {
  context.beginPath();
  for (let i = 0; i < LINES; i += 1) {
    for (const index of [(k) => i * LINES + k, (k) => k * LINES + i]) {
      for (let k = 0; k < LINES; k += 1) {
        const [x, y] = at(grid, index(k));
        if (k) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
    }
  }
  context.strokeStyle = colours.grid;
  context.globalAlpha = 0.4;
  context.lineWidth = 0.9 * pixel;
  context.stroke();
  context.globalAlpha = 1;
}

/** Where the generator's loss pushes each point; half of the full length is a slope of 1. */
function arrows(context, frame, at, size, colours, pixel) {
  context.beginPath();
  // Every third: neighbours in the list are no neighbours in the plane, and half of it would be bare.
  for (let i = 0; i < frame.fake.length / 2; i += 3) {
    const [x, y] = at(frame.fake, i);
    const [dx, dy] = [frame.pulls[2 * i], -frame.pulls[2 * i + 1]].map((v) => ((v / 127) * ARROW * size) / 2);
    const length = Math.hypot(dx, dy);
    if (length < 2 * pixel) continue;
    const [ux, uy] = [dx / length, dy / length];
    const head = Math.min(6 * pixel, length / 2);
    context.moveTo(x, y);
    context.lineTo(x + dx, y + dy);
    context.lineTo(x + dx - head * (ux - 0.6 * uy), y + dy - head * (uy + 0.6 * ux));
    context.moveTo(x + dx, y + dy);
    context.lineTo(x + dx - head * (ux + 0.6 * uy), y + dy - head * (uy - 0.6 * ux));
  }
  context.strokeStyle = colours.pull;
  context.lineWidth = 1.2 * pixel;
  context.stroke();
}

/** Real points are rings and generated ones discs, so that no colour has to tell them apart. */
function dots(context, points, at, radius, colour, hollow, width = 2) {
  for (let i = 0; i < points.length / 2; i += 1) {
    const [x, y] = at(points, i);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    if (hollow) {
      context.strokeStyle = colour(i);
      context.lineWidth = width;
      context.stroke();
    } else {
      context.fillStyle = colour(i);
      context.fill();
    }
  }
}
