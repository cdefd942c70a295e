// What changes all samples at once: directions, truncation, classes.

import { el } from "../dom.js";
import { number } from "../words.js";
import { parts, text } from "./state.js";

const FIRST = 5;
const FARTHEST = 3;

/** `change(values)` is called with what is new in the state. */
export function controls(model, state, t, change) {
  const percent = (share) => `${number(100 * share, 3)} %`;
  const moves = parts(state.move);
  const sliders = Array.from({ length: model.directions }, (_, i) => slider(String(i + 1)));
  const none = el("p", { class: "soft", hidden: true }, t("play.no-directions"));
  const reset = el("button", { type: "button", class: "plain", onclick: () => { moves.clear(); moved(); refresh(); } }, t("play.reset"));
  const more = el("details", { class: "fold" }, el("summary", {}, t("play.more-directions")),
    el("div", { class: "sliders" }, sliders.slice(FIRST).map((one) => one.row)));
  if ([...moves.keys()].some((key) => Number(key) > FIRST)) more.open = true;
  const directions = el("div", { class: "sliders", role: "group", "aria-labelledby": "directions" },
    el("h3", { id: "directions" }, t("play.directions")), el("p", { class: "soft" }, t("play.directions-text")), none,
    sliders.slice(0, FIRST).map((one) => one.row), model.directions > FIRST && more, reset);

  function slider(key) {
    const id = `direction-${key}`;
    const share = el("span", { class: "soft" });
    const value = el("output", { for: id });
    const input = el("input", { id, type: "range", min: -FARTHEST, max: FARTHEST, step: 0.1, oninput: () => {
      const amount = Number(input.value);
      if (amount) moves.set(key, amount);
      else moves.delete(key);
      show();
      moved();
    } });
    const show = () => {
      input.value = moves.get(key) ?? 0;
      const amount = Number(input.value);
      value.textContent = `${amount > 0 ? "+" : ""}${number(amount, 2)}`;
      input.setAttribute("aria-valuetext", t("play.deviations", { n: value.textContent }));
    };
    return { input, share, show, row: el("div", { class: "slider" }, el("label", { for: id }, t("play.direction", { n: key }), " ", share), input, value) };
  }

  function moved() {
    reset.disabled = !moves.size;
    change({ move: text(moves) });
  }

  const truncation = el("input", { id: "truncation", type: "range", min: 0.05, max: 1, step: 0.05, oninput: () => {
    refreshTruncation();
    change({ truncation: String(Number(truncation.value)) });
  } });
  const psi = el("output", { for: "truncation" });
  const refreshTruncation = () => { psi.textContent = number(Number(truncation.value), 2); };
  const typical = el("div", { class: "sliders" },
    el("div", { class: "slider" }, el("label", { for: "truncation" }, t("play.truncation")), truncation, psi),
    el("p", { class: "soft" }, t("play.truncation-text")));

  const classes = model.classes.length ? mixer(model, state, t, change, percent) : null;

  function refresh() {
    for (const one of sliders) one.show();
    reset.disabled = !moves.size;
    truncation.value = state.truncation;
    refreshTruncation();
  }

  /** Name each direction by its share, once the server has said it. */
  function explain(shares) {
    none.hidden = shares.length > 0;
    sliders.forEach((one, index) => {
      one.share.textContent = shares[index] === undefined ? "" : percent(shares[index]);
      one.input.disabled = !shares.length;
    });
  }

  refresh();
  return { place: el("div", { class: "panel controls" }, el("h2", {}, t("play.change")), directions, typical, classes), explain };
}

/** One class for all, or two in shares. */
function mixer(model, state, t, change, percent) {
  const given = [...parts(state.mix)];
  const options = (none, chosen) => [["", none], ...model.classes.map((name, index) => [String(index), name])]
    .map(([value, name]) => el("option", { value, selected: value === chosen }, name));
  const first = el("select", { id: "class", onchange: tell }, options(t("play.own-class"), given[0]?.[0] ?? state.labels));
  const second = el("select", { id: "other-class", onchange: () => {
    // What was just chosen is to be seen at once.
    if (second.value && Number(share.value) === 0) share.value = 0.5;
    tell();
  } }, options(t("play.no-mix"), given[1]?.[0] ?? ""));
  const share = el("input", { id: "share", type: "range", min: 0, max: 1, step: 0.05, value: given[1]?.[1] ?? 0, oninput: tell });
  const shown = el("output", { for: "share" });

  function tell() {
    const mixes = show();
    const rest = Number((1 - share.value).toFixed(2));
    change(mixes ? { labels: "", mix: `${first.value}:${rest},${second.value}:${Number(share.value)}` } : { labels: first.value, mix: "" });
  }

  function show() {
    second.disabled = !first.value || !model.mixes;
    for (const option of second.options) option.disabled = option.value !== "" && option.value === first.value;
    if (second.selectedOptions[0]?.disabled) second.value = "";
    const mixes = Boolean(first.value && second.value);
    share.disabled = !mixes;
    shown.textContent = mixes ? percent(Number(share.value)) : "";
    return mixes;
  }

  show();
  const field = (id, label, input) => el("div", { class: "field" }, el("label", { for: id }, label), input);
  return el("div", { class: "classes", role: "group", "aria-labelledby": "classes" },
    el("h3", { id: "classes" }, t("play.class")),
    field("class", t("play.class-of-all"), first),
    model.mixes ? [field("other-class", t("play.mixed-with"), second),
      el("div", { class: "slider" }, el("label", { for: "share" }, t("play.share")), share, shown)] : el("p", { class: "soft" }, t("play.cannot-mix")));
}

