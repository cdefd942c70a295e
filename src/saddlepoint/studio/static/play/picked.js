// The image that is picked: large, with its nearest training image.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { command } from "../parts.js";
import { count, number } from "../words.js";
import { drawn, loaded, paint, reproduced } from "./sheet.js";

/** `act` has from(), to(), near(on). */
export function picked(model, t, say, act) {
  const canvas = drawn("-", "large");
  const title = el("h2");
  const kind = el("p", { class: "soft" });
  const keep = el("a", { class: "button", download: "sample.png" }, t("play.keep-png"));
  const same = reproduced(t("studio.same"), "sample", t, say);
  const near = el("div", { class: "near" });
  const toggle = el("button", { type: "button", "aria-pressed": "false", onclick: () => act.near(toggle.getAttribute("aria-pressed") !== "true") }, t("play.nearest"));
  const place = el("section", { class: "panel picked", "aria-labelledby": "picked" }, canvas,
    el("div", { class: "picked-about" }, title, kind,
      el("div", { class: "presses" },
        el("button", { type: "button", onclick: act.from }, t("play.walk-from")),
        el("button", { type: "button", onclick: act.to }, t("play.walk-to")),
        toggle, keep)),
    same.place, near);
  title.id = "picked";

  function show(image, index, name, about) {
    paint(canvas, image, index, model.shape);
    title.textContent = name;
    kind.textContent = about;
    canvas.setAttribute("aria-label", about ? `${name}, ${about}` : name);
  }

  function near_(on) {
    toggle.setAttribute("aria-pressed", String(on));
    near.hidden = !on;
  }

  /** What the server says about the nearest training image. */
  async function neighbour(answer) {
    if (answer.state !== "found") {
      const done = answer.of ? el("progress", { max: answer.of, value: answer.done, "aria-label": t("play.reading") }) : null;
      fill(near, el("p", { class: "soft", role: "status" }, t(answer.state === "learning" ? "play.learning" : "play.reading")), done);
      return;
    }
    const kind = answer.label === null ? "" : answer.classes[answer.label] ?? String(answer.label);
    const name = t("play.training-image", { n: count(answer.index) });
    const picture = drawn(kind ? `${name}, ${kind}` : name);
    paint(picture, await loaded(answer.image), 0, model.shape);
    fill(near, el("figure", {}, picture, el("figcaption", {}, name, kind && el("span", { class: "soft" }, kind))),
      el("div", { class: "near-about" },
        el("p", {}, t("play.apart", { n: number(answer.apart, 3) })),
        el("p", {}, t(answer.ratio < 1 ? "play.nearer" : "play.farther", { n: number(answer.ratio, 3) })),
        el("p", { class: "soft" }, told(answer.features))),
      answer.command ? command(answer.command, t("studio.same"), say) : null);
  }

  return {
    place, show, neighbour,
    nearOn: near_,
    failed: (error) => fill(near, el("p", { class: "bad", role: "alert" }, told(error))),
    links(address, text, latents) { keep.href = address; same.say(text, latents); },
  };
}
