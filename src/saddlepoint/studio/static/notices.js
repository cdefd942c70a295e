// Short messages: to a screen reader, and on the page for some seconds.

import { el } from "./dom.js";
import { t } from "./words.js";

/** Tell a screen reader. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Show a message for some seconds, with a button if there is an `action` {label, run}. */
export function toast(text, action = null, kind = "") {
  const gone = () => box.remove();
  const box = el("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" },
    el("span", {}, text),
    action && el("button", { class: "plain", onclick: () => { gone(); action.run(); } }, action.label),
    el("button", { class: "plain close", "aria-label": t("studio.close"), onclick: gone }, "×"));
  document.getElementById("toasts").append(box);
  setTimeout(gone, action || kind === "bad" ? 12000 : 5000);
}
