// Short messages: to a screen reader, and on the page for some seconds.

import { el } from "./dom.js";
import { language, spoken, t } from "./words.js";

/** An Error, or a sentence of the server {en, vi}, as an element; English is marked where the page
 * is not. */
export function told(one) {
  const { text, lang } = one instanceof Error ? { text: one.message, lang: one.lang } : spoken(one);
  return el("span", { lang: lang === language ? null : lang }, text);
}

/** Tell a screen reader. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Show a message (text, or an element) for some seconds, with a button if there is an `action` {label, run}. */
export function toast(text, action = null, kind = "") {
  const gone = () => box.remove();
  const box = el("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" },
    el("span", {}, text),
    action && el("button", { class: "plain", onclick: () => { gone(); action.run(); } }, action.label),
    el("button", { class: "plain close", "aria-label": t("studio.close"), onclick: gone }, "×"));
  document.getElementById("toasts").append(box);
  // Whoever reads it, or is on the way to its button, is not hurried.
  const fade = () => (box.matches(":hover, :focus-within") ? setTimeout(fade, 1000) : gone());
  setTimeout(fade, action || kind === "bad" ? 12000 : 5000);
}
