// Parts that several views share.

import { el, fill } from "./dom.js";
import { told } from "./notices.js";
import { addressed } from "./server.js";
import { t } from "./words.js";

/** A command line with a button that copies it. `label` says what it is for. */
export function command(text, label, say = () => {}) {
  const code = el("code", {});
  // Each word in a box: a browser would break a line after the hyphens of `--data`.
  const put = (line) => code.replaceChildren(...line.split(/(\s+)/).map((part) =>
    (part.trim() ? el("span", { class: "word" }, part) : part)));
  put(text);
  const button = el("button", { type: "button", class: "copy", onclick: async () => {
    await navigator.clipboard.writeText(code.textContent).catch(() => select(code));
    button.textContent = t("studio.copied");
    say(t("studio.copied"));
    setTimeout(() => { button.textContent = t("studio.copy"); }, 1600);
  } }, t("studio.copy"));
  const box = el("div", { class: "command" }, label && el("p", { class: "soft" }, label),
    el("div", { class: "code" }, el("pre", { tabindex: "0" }, code), button));
  box.say = put;
  return box;
}

// Where a page may not write to the clipboard, the text is at least marked.
function select(code) {
  getSelection().selectAllChildren(code);
}

/** Ask before doing; resolves to what `form` holds, or null. `body` is shown above the buttons. */
export function ask(title, body, yes, danger = false) {
  return new Promise((resolve) => {
    const done = (value) => { box.close(); box.remove(); resolve(value); };
    const form = el("form", { method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      done(Object.fromEntries(new FormData(form)));
    } },
    el("h2", { id: "asked" }, title), ...[body].flat(),
    el("div", { class: "buttons" },
      el("button", { type: "button", onclick: () => done(null) }, t("studio.cancel")),
      el("button", { type: "submit", class: danger ? "main bad" : "main" }, yes)));
    const box = el("dialog", { "aria-labelledby": "asked", oncancel: (event) => { event.preventDefault(); done(null); } }, form);
    document.body.append(box);
    box.showModal();
  });
}

/**
 * The buttons that fit the state of a run: stop, resume or extend, delete. `after()` comes when the
 * run has changed; `leaving(true)` before it is deleted, and `leaving(false)` if that failed.
 */
export function actions(run, studio, after, leaving) {
  const base = `/api/runs/${encodeURIComponent(run.id)}`;
  const path = run.folder ?? run.path;
  const attempt = async (work, then = after) => {
    try {
      await work();
      then();
    } catch (error) {
      leaving(false);
      studio.toast(told(error), null, "bad");
    }
  };

  const stop = () => attempt(async () => {
    await studio.post(`${base}/stop`);
    studio.toast(t("studio.stopping"));
  });

  const resume = async () => {
    const extend = run.state === "finished";
    const minutes = el("input", { name: "minutes", type: "number", min: "0.1", step: "any", value: extend ? "5" : "", required: extend });
    const shown = command(line(), t("studio.same"));
    minutes.addEventListener("input", () => shown.say(line()));
    function line() {
      return `saddle resume ${path}${minutes.value ? ` --minutes ${minutes.value}` : ""}`;
    }
    const given = await ask(t(extend ? "studio.extend" : "studio.resume"), [
      el("p", {}, t(extend ? "studio.extend-text" : "studio.resume-text")),
      el("label", { class: "field" }, el("span", {}, t(extend ? "studio.minutes" : "studio.minutes-maybe")), minutes),
      shown,
    ], t(extend ? "studio.extend" : "studio.resume"));
    if (given) await attempt(() => studio.post(`${base}/resume`, given.minutes ? { minutes: Number(given.minutes) } : {}));
  };

  const remove = async () => {
    const given = await ask(t("studio.delete"), [
      el("p", {}, t("studio.delete-text", { title: run.title })),
      run.trash && command(run.trash, t("studio.same")),
    ], t("studio.delete"), true);
    if (!given) return;
    leaving(true);
    await attempt(async () => {
      const { trash } = await studio.post(`${base}/delete`);
      studio.go("/runs");
      studio.toast(t("studio.deleted", { title: run.title }), { label: t("studio.undo"), run: () =>
        attempt(() => studio.post(`/api/runs/trash/${trash}/restore`), () => studio.go("/runs")) });
    }, () => {});
  };

  const made = [];
  if (run.pending) return made;
  if (run.state === "running") made.push(el("button", { onclick: stop }, t("studio.stop")));
  else if (run.state !== "damaged") {
    made.push(el("button", { onclick: resume }, t(run.state === "finished" ? "studio.extend" : "studio.resume")));
  }
  if (run.state !== "running") made.push(el("button", { class: "danger", onclick: remove }, t("studio.delete")));
  return made;
}

/** A picture (or a style sheet) that is shown once what is at its address is there. */
export function loading(element, address, where = "src") {
  addressed(address).then((found) => { element[where] = found; });
  return element;
}

/** The newest grid of a run, small. */
export function thumbnail(run) {
  return el("div", { class: "thumb" }, run.picture
    ? loading(el("img", { alt: "", loading: "lazy", width: 96, height: 96 }), `/api/runs/${encodeURIComponent(run.id)}/picture?${run.picture}`)
    : el("span", { class: "no-picture" }, t("runs.no-picture")));
}

/** A view's own style sheet, once a page; resolves when it is there. */
export function style(name) {
  if (document.getElementById(name)) return null;
  const link = el("link", { rel: "stylesheet", id: name });
  return new Promise((done) => {
    link.onload = link.onerror = done;
    document.head.append(loading(link, `/static/${name}`, "href"));
  });
}

/** A table of changes: field, before, after. */
export function diff(changes) {
  return el("div", { class: "wide" }, el("table", { class: "diff" },
    el("thead", {}, el("tr", {}, ["studio.field", "studio.before", "studio.after"].map((key) => el("th", { scope: "col" }, t(key))))),
    el("tbody", {}, Object.entries(changes).map(([path, [before, after]]) => el("tr", {},
      el("th", { scope: "row" }, el("code", {}, path)),
      el("td", {}, el("del", {}, brief(before))), el("td", {}, el("ins", {}, brief(after))))))));
}

/** A value of a configuration in a few characters. */
export function brief(value) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.map(brief).join(", ") || "–";
  if (typeof value === "object") return value.kind ?? "…";
  return String(value);
}

export { fill };
