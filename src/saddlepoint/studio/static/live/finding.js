// What the doctor found, its evidence, and the remedies that can be started.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { command, diff, loading } from "../parts.js";
import { evidence } from "../plots.js";
import { count, has, number } from "../words.js";

export function named(name, t) {
  return has(`findings.${name}`) ? t(`findings.${name}`) : name;
}

/** `one` may also say that there is no finding, or list what was treated. */
export function finding(one, base, studio) {
  const { t } = studio;
  if (one.name === "none") return el("p", { class: "soft" }, t(one.quiet ? "live.watching" : "doctor.silent"));
  if (one.treated) {
    return el("div", { class: "finding info" }, el("h3", {}, t("doctor.treated")),
      el("ol", { class: "remedies" }, one.treated.map((text) => el("li", {}, text))));
  }
  const numbers = el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t("doctor.evidence") }, el("table", { class: "numbers" },
    el("thead", {}, el("tr", {}, ["evidence", "value", "healthy", "note"].map((key) => el("th", { scope: "col" }, t(`doctor.${key}`))))),
    el("tbody", {}, one.evidence.map((item) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, item.name)),
      el("td", {}, number(item.value)), el("td", {}, healthy(item.healthy ?? [null, null], t)), el("td", {}, item.note ?? ""))))));
  const pictures = one.missing_pictures.map(({ file, name }) => el("figure", {},
    loading(el("img", { alt: t("doctor.real-of", { name }), loading: "lazy" }), `${base}/bins/${encodeURIComponent(file)}`),
    el("figcaption", {}, name)));
  const state = one.holds ? t("live.holds", { images: count(one.at_images) })
    : t("live.past", { images: count(one.at_images) });
  const general = has(`findings.${one.name}.text`) ? el("p", {}, t(`findings.${one.name}.text`)) : null;
  const plots = el("div", { class: "plots" });
  const drawn = () => {
    if (box.open && !plots.childElementCount) {
      evidence(plots, `${base}/evidence/${encodeURIComponent(one.name)}`, studio, one)
        .catch((error) => fill(plots, el("p", { class: "soft" }, told(error))));
    }
  };
  const box = el("details", { class: `finding ${one.severity}`, id: `finding-${one.name}`, open: one.holds, ontoggle: drawn },
    el("summary", {}, el("b", {}, named(one.name, t)), el("span", { class: "soft" }, ` ${state}`)),
    general, el("p", { class: general ? "soft" : "" }, one.message), numbers, plots,
    pictures.length ? el("div", { class: "bins" }, el("p", { class: "soft" }, t("doctor.missing")), pictures) : null,
    Object.keys(one.advice).length ? remedies(one, base, studio) : null);
  return box;
}

function healthy([low, high], t) {
  if (low === null && high === null) return "";
  if (low === high) return number(low);
  if (low === null) return t("doctor.at-most", { value: number(high) });
  if (high === null) return t("doctor.at-least", { value: number(low) });
  return t("doctor.between", { low: number(low), high: number(high) });
}

// What a remedy changes, the command that trains so, and the button that starts it.
function applied(treated, base, studio) {
  const { t } = studio;
  const parts = [diff(treated.changes)];
  if (treated.taken.length > 1) {
    parts.push(el("details", { class: "fold" }, el("summary", {}, t("live.taken")),
      el("ul", {}, treated.taken.map((one) => el("li", {}, told(one))))));
  }
  if (!treated.command) return [...parts, el("p", { class: "soft" }, t("live.no-form"))];
  const begin = el("button", { class: "main", onclick: async () => {
    begin.disabled = true;
    try {
      const { id } = await studio.post(`${base}/${encodeURIComponent(treated.name)}`, {});
      studio.go(`/live/${encodeURIComponent(id)}`);
    } catch (error) {
      begin.disabled = false;
      studio.toast(told(error), null, "bad");
    }
  } }, t("live.apply"));
  const form = el("a", { class: "button", href: `/start?set=${encodeURIComponent(JSON.stringify(treated.wanted))}` },
    t("live.in-form"));
  return [...parts, command(treated.command, "", studio.say), el("div", { class: "buttons" }, begin, form)];
}

function remedies(one, base, studio) {
  const { t } = studio;
  const list = el("ol", { class: "remedies" }, Object.entries(one.advice).map(([name, text]) =>
    el("li", { "data-remedy": name }, text, " ", el("code", {}, name))));
  const button = el("button", { onclick: async () => {
    button.disabled = true;
    try {
      const answer = await studio.get(`${base}/remedies/${encodeURIComponent(one.name)}`);
      if (answer.error) {
        button.disabled = false;
        studio.toast(told(answer.error), null, "bad");
        return;
      }
      for (const treated of answer.remedies) {
        const item = [...list.children].find((child) => child.dataset.remedy === treated.name);
        item?.append(...applied(treated, `${base}/remedies/${encodeURIComponent(one.name)}`, studio));
      }
      const images = count(answer.start_images ?? 0);
      const where = answer.start_images === null ? (answer.healthy ? "anew" : "start") : "checkpoint";
      list.before(el("p", {}, t(`live.from-${where}`, { images, healthy: count(answer.healthy) })));
      for (const item of list.children) {
        if (!answer.remedies.some(({ name }) => name === item.dataset.remedy)) item.classList.add("not-here");
      }
      button.remove();
    } catch (error) {
      button.disabled = false;
      studio.toast(told(error), null, "bad");
    }
  } }, t("live.what-changes"));
  return el("div", { class: "help" }, el("h3", {}, t("doctor.remedies")), list, button);
}
