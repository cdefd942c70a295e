// The form of a game's settings: what changes at once, and what starts another game.

import { el, fill } from "../dom.js";
import { number } from "../words.js";

const RATES = ["lr_g", "lr_d"];

/** Live fields, then those that start another game: name, kind, and the ends of its range. */
const LIVE = [
  ["loss", "choice"], ["lr_g", "rate"], ["lr_d", "rate"], ["beta1", "number", 0, 0.99, 0.05],
  ["n_critic", "number", 1, 20, 1], ["batch", "number", 2, 512, 2], ["r1", "number", 0, 100, 0.1],
  ["gp", "number", 0, 100, 0.5], ["target", "number", 0, 10, 0.1], ["clip", "number", 0, 1, "any"],
  ["noise", "number", 0, 2, 0.05],
];
const FIXED = [
  ["data", "choice"], ["seed", "number", 0, 999999, 1], ["width_g", "number", 2, 256, 2],
  ["width_d", "number", 2, 256, 2], ["labels", "choice"], ["stddev", "check"],
];

/**
 * @param form what the server says can be set
 * @param change called with a field's name and its new value as text
 */
export function settings(form, t, change) {
  const fields = new Map();
  const choices = {
    loss: form.losses.map((name) => [name, named(t, `game.loss-${name}`, name)]),
    data: ["ring8", "grid25", "drawn"].map((name) => [name, t(`game.data-${name}`)]),
    labels: ["none", "onehot", "embedding"].map((name) => [name, t(`game.labels-${name}`)]),
  };

  function field([name, kind, low, high, step]) {
    const id = `game-${name}`;
    const output = RATES.includes(name) ? el("output", { for: id }) : null;
    const send = (event) => {
      const { target } = event;
      if (!target.checkValidity() || target.value === "") return;
      change(name, kind === "check" ? String(target.checked) : kind === "rate" ? rate(target.value) : target.value);
    };
    const input = kind === "choice"
      ? el("select", { id, onchange: send }, choices[name].map(([value, text]) => el("option", { value }, text)))
      : kind === "check"
        ? el("input", { id, type: "checkbox", onchange: send })
        : kind === "rate"
          ? el("input", { id, type: "range", min: -5, max: -1, step: 0.1, onchange: send, oninput: () => (output.textContent = number(Number(rate(input.value)))) })
          : el("input", { id, type: "number", min: low, max: high, step, onchange: send });
    const row = el("div", { class: `play-field ${kind === "check" ? "tick" : ""}` }, el("label", { for: id }, t(`game.f-${name}`), output && " ", output), input,
      el("small", { class: "soft" }, t(`game.h-${name}`)));
    fields.set(name, { input, output, kind, row });
    return row;
  }

  const live = el("fieldset", {}, el("legend", {}, t("game.live")), LIVE.map(field));
  const fixed = el("fieldset", {}, el("legend", {}, t("game.fixed")), FIXED.map(field));

  function show(setup) {
    for (const [name, { input, output, kind }] of fields) {
      if (document.activeElement === input && kind === "number") continue;
      if (kind === "check") input.checked = String(setup[name]) === "true";
      else if (kind === "rate") {
        input.value = Math.log10(Number(setup[name]));
        output.textContent = number(Number(setup[name]));
        input.setAttribute("aria-valuetext", String(setup[name]));
      } else input.value = setup[name];
    }
    // What has no effect is not shown.
    fields.get("clip").row.hidden = !form.clips.includes(setup.loss);
    fields.get("target").row.hidden = Number(setup.gp) === 0;
    fields.get("labels").row.hidden = setup.data === "drawn";
  }

  const place = el("div", { class: "settings" });
  fill(place, live, fixed);
  return { place, show };
}

/** A learning rate with two digits: -2.7 -> 0.002. */
function rate(exponent) {
  return String(Number((10 ** Number(exponent)).toPrecision(2)));
}

function named(t, key, name) {
  const text = t(key);
  return text === key ? name : text;
}
