// The texts of the page in its language, and numbers and times as that language writes them.

import words from "./texts.js";

export const language = document.documentElement.lang;
export const languages = [["en", "English"], ["vi", "Tiếng Việt"]];

/** The text of a key, with `{name}` replaced by the values of that name. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Whether there is a text of this key. */
export function has(key) {
  return key in words;
}

/** A sentence of the server {en, vi}: its text, and the language that this is in. */
export function spoken(sentence) {
  const text = sentence[language];
  return { text, lang: text === sentence.en ? "en" : language };
}

const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(language, { maximumSignificantDigits: 3, notation: "compact",
  // "8,06 N" says nothing to a Vietnamese reader: "8,06 nghìn".
  compactDisplay: language === "en" ? "short" : "long" });

/** 12,345 */
export function count(value) {
  return Number.isFinite(value) ? whole.format(value) : "–";
}

/** 12.3K */
export function compact(value) {
  return Number.isFinite(value) ? short.format(value) : "–";
}

/** Four digits that count. */
export function number(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  return new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value);
}

/** 48 s, 6 min 12 s, 3 h 05 min */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const all = Math.round(seconds);
  const units = { s: t("studio.second"), min: t("studio.minute"), h: t("studio.hour") };
  if (all < 60) return `${all} ${units.s}`;
  if (all < 3600) return `${Math.floor(all / 60)} ${units.min} ${String(all % 60).padStart(2, "0")} ${units.s}`;
  return `${Math.floor(all / 3600)} ${units.h} ${String(Math.floor((all % 3600) / 60)).padStart(2, "0")} ${units.min}`;
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });

/** 3 minutes ago, for a time in seconds since 1970. */
export function ago(time) {
  const seconds = time - Date.now() / 1000;
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.min(0, Math.round(seconds)), "second");
}
