// All runs as cards, which change while they train.

import { el, fill, keep } from "../dom.js";
import { told } from "../notices.js";
import { command, thumbnail } from "../parts.js";
import { compact, count, duration, has, number } from "../words.js";

const SORTS = ["recent", "name", "distance", "fid", "images"];
const STATES = ["running", "finished", "interrupted", "failed", "silent", "damaged"];

export async function mount(place, studio) {
  const { t } = studio;
  const runs = new Map();
  const cards = el("ul", { class: "runs" });
  const ticked = new Set((studio.query.get("ticked") ?? "").split(",").filter(Boolean));
  const compare = el("a", { class: "button", hidden: true });
  const untick = el("button", { class: "plain", hidden: true, onclick: () => {
    for (const box of cards.querySelectorAll("input:checked")) box.checked = false;
    ticked.clear();
    tick();
    search.focus();
  } }, t("compare.untick"));
  const shown = el("p", { class: "soft", role: "status" });
  const folder = el("p", { class: "soft folder" });

  const search = el("input", { type: "search", id: "filter", placeholder: t("runs.search"), "aria-label": t("runs.search"),
    value: studio.query.get("q") ?? "", oninput: () => change("q", search.value) });
  const state = choice(t("runs.all-states"), [["", t("runs.all-states")], ...STATES.map((s) => [s, t(`states.${s}`)])],
    studio.query.get("state") ?? "", (value) => change("state", value));
  const sort = choice(t("runs.sort"), SORTS.map((s) => [s, t(`runs.sort-${s}`)]),
    studio.query.get("sort") ?? "recent", (value) => change("sort", value === "recent" ? "" : value));

  function tick(id, on) {
    if (on) ticked.add(id);
    else ticked.delete(id);
    studio.setQuery({ ticked: [...ticked].join(",") });
    compare.textContent = t("compare.ticked", { count: ticked.size });
    compare.href = `/compare?runs=${[...ticked].map(encodeURIComponent).join(",")}`;
    compare.hidden = ticked.size < 2;
    untick.hidden = !ticked.size;
  }

  function change(name, value) {
    studio.setQuery({ [name]: value });
    draw();
  }

  function draw() {
    const query = studio.query;
    const found = ordered([...runs.values()].filter((run) => matches(run, query, t)), query.get("sort") ?? "recent");
    shown.textContent = runs.size ? t("runs.shown", { shown: found.length, all: runs.size }) : "";
    const none = runs.size ? { id: "no match" } : { id: "no runs" };
    keep(cards, found.length ? found : [none], (run) => run.id, (run) => {
      if (run !== none) return card(run, t, ticked.has(run.id), tick);
      return el("li", { class: "empty" }, runs.size
        ? [el("p", {}, t("runs.none-match")), el("button", { onclick: clear }, t("runs.clear"))]
        : empty(t));
    });
  }

  function clear() {
    search.value = state.value = "";
    studio.setQuery({ q: "", state: "" });
    draw();
    search.focus();
  }

  async function read() {
    const listing = await studio.get("/api/runs/");
    folder.textContent = t("runs.folder", { folder: listing.folder });
    runs.clear();
    for (const run of listing.runs) runs.set(run.id, run);
    draw();
  }

  fill(place,
    el("div", { class: "head" }, el("div", { class: "names" }, el("h1", {}, t("runs.title")), folder),
      el("a", { class: "button main", href: "/start" }, t("runs.new"))),
    el("div", { class: "filters" }, search, state, sort, shown, compare, untick),
    cards);
  await read();
  tick();

  const ends = [
    studio.on("run", (run) => { runs.set(run.id, run); draw(); }),
    studio.on("gone", ({ id }) => { runs.delete(id); tick(id, false); draw(); }),
    studio.on("reset", read),
  ];
  return () => ends.forEach((end) => end());
}

function choice(label, options, value, change) {
  return el("select", { "aria-label": label, onchange: (event) => change(event.target.value) },
    ...options.map(([key, name]) => el("option", { value: key, selected: key === value }, name)));
}

function matches(run, query, t) {
  if (query.get("state") && run.state !== query.get("state")) return false;
  const text = [run.title, run.path, ...run.findings.flatMap((f) => [f.name, named(f.name, t)]), t(`states.${run.state}`)].join(" ").toLowerCase();
  return (query.get("q") ?? "").toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function ordered(runs, by) {
  const least = (name) => (a, b) => (a.scores[name] ?? Infinity) - (b.scores[name] ?? Infinity);
  const orders = {
    recent: (a, b) => b.heartbeat - a.heartbeat,
    name: (a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }),
    images: (a, b) => b.images - a.images,
    distance: least("distance"),
    fid: least("fid"),
  };
  return runs.sort(orders[by] ?? orders.recent);
}

function card(run, t, ticked, tick) {
  const title = el("a", { href: `/live/${encodeURIComponent(run.id)}` }, run.title);
  const progress = run.state === "running" && run.total
    ? el("progress", { max: run.total, value: run.images, "aria-label": run.title }) : null;
  return el("li", { class: "run", "data-id": run.id },
    thumbnail(run),
    el("div", { class: "about" },
      el("div", { class: "line" }, el("h2", {}, title), el("span", { class: `state ${run.state}` }, t(`states.${run.state}`))),
      el("p", { class: "soft path" }, run.path),
      progress,
      el("p", { class: "soft" }, amount(run, t)),
      run.error ? el("p", { class: "bad" }, told(run.error)) : null,
      // Above the link that covers the card, so that they can explain themselves.
      el("div", { class: "chips", onclick: () => title.click() }, chips(run, t)),
      run.pending ? null : el("label", { class: "check tick" },
        el("input", { type: "checkbox", checked: ticked, "aria-label": t("compare.tick-run", { name: run.path }),
          onchange: (event) => tick(run.id, event.target.checked) }), t("compare.tick"))));
}

function amount(run, t) {
  const done = run.total > run.images
    ? t("runs.images", { images: compact(run.images), total: compact(run.total) })
    : t("runs.images-done", { images: compact(run.images) });
  const parts = [done];
  if (run.seconds) parts.push(duration(run.seconds));
  if (run.state === "running" && run.rate) parts.push(t("runs.rate", { rate: count(run.rate) }));
  if (run.eta !== null && run.eta !== undefined) parts.push(t("runs.left", { time: duration(run.eta) }));
  return parts.join(" · ");
}

function chips(run, t) {
  const scores = Object.entries(run.scores).map(([name, value]) =>
    el("span", { class: "chip", title: t(`runs.help-${name}`) }, el("b", {}, number(value, 3)), ` ${t(`runs.score-${name}`)}`));
  const findings = run.findings.map((f) => el("span", { class: `chip ${f.severity}` }, named(f.name, t)));
  return [...scores, ...findings];
}

function named(finding, t) {
  return has(`findings.${finding}`) ? t(`findings.${finding}`) : finding;
}

function empty(t) {
  return el("div", {}, el("h2", {}, t("runs.empty")), el("p", {}, t("runs.empty-text")),
    command("saddle train dcgan --minutes 3"),
    el("a", { class: "button main", href: "/start" }, t("runs.new")));
}
