// Figures drawn by plotly, which is loaded when the first one is wanted: after the first paint.

import { el, fill } from "./dom.js";

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    // It adds its rules to the style sheet of this id; one of its own making the policy forbids.
    document.head.append(el("link", { id: "plotly.js-style-global", rel: "stylesheet", href: "/static/plotly.css" }));
    const script = el("script", { src: "/static/plotly.min.js" });
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => reject(new Error("plotly"));
    document.head.append(script);
  });
  return loading;
}

/** Draw figures {title, text, figure} as cards; a second time they are changed in place. */
export async function draw(place, figures, t) {
  const Plotly = await plotly();
  if (!figures.length) {
    fill(place, el("p", { class: "soft" }, t("live.no-curves")));
    return;
  }
  const cards = place._cards ?? new Map();
  const wanted = figures.map((one) => one.title);
  if (String([...cards.keys()]) !== String(wanted)) {
    cards.clear();
    for (const { title, text } of figures) {
      const plot = el("div", { class: "plot", role: "img", "aria-label": t("live.figure", { title }) });
      cards.set(title, { plot, card: el("section", { class: "card" }, el("h3", {}, title), plot, el("p", {}, text)) });
    }
    fill(place, [...cards.values()].map(({ card }) => card));
    place._cards = cards;
  }
  for (const { title, figure } of figures) {
    const { plot } = cards.get(title);
    await Plotly.react(plot, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  }
}
