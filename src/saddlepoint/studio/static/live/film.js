// The samples of a run over time, and when findings fell.

import { el, fill } from "../dom.js";
import { addressed } from "../server.js";
import { count } from "../words.js";
import { named } from "./finding.js";

/** A slider over the grids of a run, the newest first, and below it when the doctor found what. */
export function film(base, t) {
  let samples = [];
  let at = -1;
  let timer = null;
  const picture = el("img", { class: "grid" });
  const slider = el("input", { type: "range", min: 0, value: 0, "aria-label": t("live.history"),
    oninput: () => { stop(); go(Number(slider.value)); } });
  const when = el("output", { class: "soft" });
  const button = el("button", { onclick: () => (timer ? stop() : play()) }, t("live.play"));
  const none = el("p", { class: "soft" }, t("live.none"));
  const line = el("ol", { class: "timeline", "aria-label": t("live.timeline") });
  const controls = el("div", { class: "film" }, button, slider, when);
  const place = el("div", { class: "samples" }, picture, controls, line, none);

  function go(index) {
    at = index;
    const sample = samples[at];
    slider.value = at;
    const images = count(sample.images);
    addressed(`${base}/samples/${encodeURIComponent(sample.name)}`).then((src) => {
      if (at === index) picture.src = src;
    });
    picture.alt = t("live.grid", { images });
    when.textContent = t("live.at", { images });
    slider.setAttribute("aria-valuetext", when.textContent);
  }

  function play() {
    if (at === samples.length - 1) go(0);
    button.textContent = t("live.pause");
    timer = setInterval(() => {
      go(at + 1);
      if (at === samples.length - 1) stop();
    }, 350);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = t("live.play");
  }

  function show(found, findings, total) {
    const newest = at === samples.length - 1;
    samples = found;
    none.hidden = samples.length > 0;
    picture.hidden = controls.hidden = samples.length === 0;
    slider.max = Math.max(0, samples.length - 1);
    button.disabled = slider.disabled = samples.length < 2;
    if (samples.length && (newest || at >= samples.length)) go(samples.length - 1);
    line.hidden = !findings.length;
    fill(line, findings.map((one) => {
      const mark = el("li", {}, el("a", { class: `mark ${one.severity}`, href: `#finding-${one.name}`,
        title: `${named(one.name, t)}, ${t("live.at", { images: count(one.at_images) })}` },
      el("span", { class: "unseen" }, `${named(one.name, t)}, ${t("live.at", { images: count(one.at_images) })}`)));
      mark.style.left = `${(100 * one.at_images) / Math.max(total, one.at_images, 1)}%`;
      return mark;
    }));
  }

  return { place, show, stop };
}
