// Figures drawn by plotly, which is loaded when the first one is wanted: after the first paint.

import { el, fill } from "./dom.js";
import { addressed } from "./server.js";
import { number } from "./words.js";

let loading = null;

function plotly() {
  loading ??= load("/static/plotly.css", "/static/plotly.min.js").catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(...addresses) {
  const [href, src] = await Promise.all(addresses.map(addressed));
  // It adds its rules to the style sheet of this id, which has to be there before it runs; one of
  // its own making the policy forbids.
  await arrived(el("link", { id: "plotly.js-style-global", rel: "stylesheet", href }));
  await arrived(el("script", { src }));
  return globalThis.Plotly;
}

function arrived(element) {
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error("plotly"));
    document.head.append(element);
  });
}

const COLOURS = { fatal: "#d2453a", warn: "#b87a00", info: "#2f8fd0" };
const SHOWN = { displayModeBar: false, responsive: true };
const drawn = new WeakMap();

// What has changed out of sight is drawn when it is scrolled to, or printed.
const waiting = new WeakMap();
const inSight = new WeakSet();
const sight = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (!isIntersecting) inSight.delete(target);
    else {
      inSight.add(target);
      catchUp(target);
    }
  }
}, { rootMargin: "25%" });
addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach(catchUp));

function catchUp(plot) {
  const figure = waiting.get(plot);
  if (figure && plot.isConnected) react(plot, figure);
}

function react(plot, { data, layout }) {
  waiting.delete(plot);
  return globalThis.Plotly.react(plot, data, layout, SHOWN);
}

/** Draw the figures {name, title, text, figure} of a run as cards. */
export async function draw(place, figures, t, run) {
  for (const one of figures) marks(one.figure, run.found ?? []);
  // How a run ended is drawn everywhere: nothing comes after it.
  await cards(place, figures, t, run.state !== "running");
}

/** Draw {name, title, text, figure} of several runs as cards, without legends. */
export async function overlays(place, figures, t) {
  for (const { figure } of figures) {
    figure.layout.showlegend = false;
    figure.layout.margin.t = 12;
  }
  await cards(place, figures, t);
}

// A second time they are changed in place.
async function cards(place, figures, t, everywhere = false) {
  await plotly();
  if (!figures.length) {
    fill(place, el("p", { class: "soft" }, t("live.no-curves")));
    return;
  }
  const made = drawn.get(place) ?? new Map();
  const names = figures.map((one) => one.name);
  const first = String([...made.keys()]) !== String(names) || !place.querySelector(".plot");
  if (first) {
    made.clear();
    for (const { name, title, text } of figures) {
      const plot = el("div", { class: "plot", role: "img", "aria-label": t("live.figure", { title }) });
      const values = el("p", { class: "unseen" });
      made.set(name, { plot, values, card: el("section", { class: "card" }, el("h3", {}, title), plot, values, text && el("p", {}, text)) });
    }
    fill(place, [...made.values()].map(({ card }) => card));
    drawn.set(place, made);
  }
  for (const { name, figure } of figures) {
    const { plot, values } = made.get(name);
    // What a screen reader is told of a curve: where it began and where it is.
    values.textContent = figure.data.map((curve) => t("live.curve", { name: curve.name,
      first: number(curve.y[0]), last: number(curve.y.at(-1)) })).join(" ");
    if (first || everywhere || inSight.has(plot)) await react(plot, figure);
    else waiting.set(plot, figure);
    if (first) sight.observe(plot);
  }
}

// The doctor's findings, at the images where each was found.
function marks(figure, found) {
  const shapes = figure.layout.shapes ?? [];
  for (const one of found) {
    const x = one.at_images / 1000;
    shapes.push({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "y domain", opacity: 0.75,
      line: { color: COLOURS[one.severity], width: 1.5, dash: "dash" } });
  }
  figure.layout.shapes = shapes;
}

/** Draw the curves of a finding's evidence, each with the range that is healthy. */
export async function evidence(place, address, studio, one) {
  const { t } = studio;
  fill(place, el("p", { class: "soft" }, t("live.drawing")));
  const [Plotly, figures] = await Promise.all([plotly(), studio.get(address)]);
  fill(place);
  for (const { name, figure } of figures) {
    const plot = el("div", { class: "plot small", role: "img", "aria-label": t("live.figure", { title: name }) });
    place.append(plot);
    marks(figure, [one]);
    await Plotly.react(plot, figure.data, { ...figure.layout, height: 210 }, SHOWN);
  }
}
