// A trained generator, played with.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { style } from "../parts.js";
import { chooser, selects } from "../play/choose.js";
import { controls } from "../play/controls.js";
import { grid } from "../play/grid.js";
import { picked } from "../play/picked.js";
import { loaded, reproduced } from "../play/sheet.js";
import { forAddress, latest, parts, read, wish } from "../play/state.js";
import { upload } from "../play/upload.js";
import { walk } from "../play/walk.js";
import { count } from "../words.js";

const REST = 250;
/** Milliseconds between two questions about work that goes on. */
const WAIT = 600;

export async function mount(place, studio) {
  await style("play/play.css");
  const id = studio.rest[0];
  return id ? playground(place, studio, id) : chooser(place, studio);
}

async function playground(place, studio, id) {
  const { t } = studio;
  fill(place, el("div", { class: "names" }, el("h1", {}, t("play.title")), el("p", { class: "soft", role: "status" }, t("play.opening"))));
  const state = read(studio.query);
  const base = `/api/play/${encodeURIComponent(id)}`;
  const [model, { runs }] = await Promise.all([
    studio.get(`${base}?${wish({ ...read(new URLSearchParams()), checkpoint: state.checkpoint })}`),
    studio.get("/api/play/"),
  ]);
  // The page stays with the checkpoint that it was opened on, though a training saves newer ones.
  const pinned = () => ({ ...state, checkpoint: model.checkpoint });
  let ended = false;
  let answer = null;
  let image = null;

  // -- parts ------------------------------------------------------------------------------------

  const trouble = el("p", { class: "bad box", role: "alert", hidden: true });
  const seeds = el("input", { id: "seeds", value: state.seeds, autocomplete: "off", spellcheck: "false", onchange: () => change({ seeds: seeds.value.trim(), at: "0" }) });
  const tiles = grid(t, (index) => change({ at: String(index) }));
  const all = reproduced(t("studio.same"), "grid", t, studio.say);
  const keepAll = el("a", { class: "button", download: "grid.png" }, t("play.keep-all"));
  const one = picked(model, t, studio.say, {
    from: () => change({ from: state.at }),
    to: () => change({ to: state.at }),
    near: (on) => change({ near: on ? "1" : "" }),
  });
  const knobs = controls(model, state, t, change);
  const way = walk(model, t, studio.say);
  const own = upload(id, () => model.checkpoint, model, studio, {
    has: () => state.latent !== "",
    // It stands first from now on, or no longer: what was picked moves by one.
    found: ({ latent, label }) => change({ latent, "latent-label": label === null ? "" : String(label),
      at: "0", from: "0", to: state.latent ? state.to : String(Number(state.to) + 1) }),
    drop: () => change({ latent: "", "latent-label": "", at: "0", from: "0", to: "1" }),
  });
  const copy = el("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(studio.link).catch(() => {});
    studio.toast(t("studio.copied"));
  } }, t("play.copy-link"));

  // -- what is shown ----------------------------------------------------------------------------

  let timer = null;
  function change(values) {
    const before = { ...state };
    Object.assign(state, values);
    clearTimeout(timer);
    // A browser allows only so many changes of the address a second.
    timer = setTimeout(() => studio.setQuery(forAddress(state)), REST);
    const moved = wish(before) !== wish(state);
    if (moved) draw();
    else if (before.at !== state.at && answer) {
      showOne();
      // The directions are those of its class.
      if (model.classes.length) draw();
    }
    if (!moved && (before.from !== state.from || before.to !== state.to)) later();
    one.nearOn(state.near === "1");
    if (state.near && (moved || before.at !== state.at || !before.near)) neighbour();
  }

  const draw = latest(async () => {
    const asked = wish(pinned(), { at: state.at });
    try {
      const got = await studio.get(`${base}/images?${asked}`);
      const sheet = await loaded(got.sheet);
      if (ended) return;
      [answer, image] = [got, sheet];
      answer.names = answer.seeds.map((_, index) => [name(index), kind(index)].filter(Boolean).join(", "));
      const last = answer.seeds.length - 1;
      for (const key of ["at", "from", "to"]) {
        if (!/^\d+$/.test(state[key]) || Number(state[key]) > last) state[key] = String(key === "to" ? last : 0);
      }
      fail(null);
      tiles.show(answer, image, model.shape, Number(state.at));
      knobs.explain(answer.shares);
      all.say(answer.command, latents(answer.command));
      keepAll.href = `${base}/file.png?${wish(pinned())}`;
      own.show();
      showOne();
      later();
    } catch (error) {
      if (!ended) fail(error);
    }
  });

  function showOne() {
    const at = Number(state.at);
    tiles.mark(at);
    one.show(image, at, name(at), kind(at));
    commands();
  }

  const commands = latest(async () => {
    const at = state.at;
    try {
      const got = await studio.get(`${base}/one?${wish(pinned(), { at })}`);
      if (!ended) one.links(`${base}/file.png?${wish(pinned(), { at })}`, got.command, latents(got.command, { at }));
    } catch (error) {
      if (!ended) fail(error);
    }
  });

  const film = latest(async () => {
    // Nobody can walk between images that could not be made.
    if (!trouble.hidden) return;
    // A latent that was found stands first on a command line too.
    const [from, to] = state.latent && state.to === "0" ? [state.to, state.from] : [state.from, state.to];
    const ends = { from, to };
    try {
      const got = await studio.get(`${base}/walk?${wish(pinned(), ends)}`);
      if (ended || !answer) return;
      await way.show(got, { from: name(Number(from)), to: name(Number(to)) }, (suffix) => `${base}/file.${suffix}?${wish(pinned(), ends)}`);
    } catch (error) {
      if (!ended) fail(error);
    }
  });
  let waiting = null;
  function later() {
    clearTimeout(waiting);
    waiting = setTimeout(film, REST);
  }

  const neighbour = latest(async () => {
    try {
      let got;
      do {
        got = await studio.get(`${base}/nearest?${wish(pinned(), { at: state.at })}`);
        if (ended || !state.near) return;
        await one.neighbour(got);
        if (got.state !== "found") await new Promise((done) => setTimeout(done, WAIT));
      } while (got.state !== "found");
    } catch (error) {
      if (!ended) one.failed(error);
    }
  });

  /** Where the file is that a command reads; "" for none. */
  function latents(command, places = {}) {
    return command.includes("--latents ") ? `${base}/file.npz?${wish(pinned(), places)}` : "";
  }

  function name(index) {
    const seed = answer.seeds[index];
    return seed === null || seed === undefined ? t("play.yours") : t("play.seed", { n: seed });
  }

  function kind(index) {
    if (!model.classes.length) return "";
    const mix = [...parts(state.mix)];
    if (mix.length) return mix.map(([key, share]) => `${model.classes[key]} (${Math.round(100 * share)} %)`).join(" + ");
    return model.classes[answer.labels[index]] ?? "";
  }

  function fail(error) {
    fill(trouble, error && told(error));
    trouble.hidden = !error;
  }

  /** The next so many seeds, or those before. */
  function page(forward) {
    // Seeds may be larger than the numbers that JavaScript knows exactly.
    const shown = (answer?.seeds ?? []).filter((seed) => seed !== null).map(BigInt).sort((a, b) => (a < b ? -1 : 1));
    if (!shown.length) return;
    const n = BigInt(shown.length);
    const before = shown[0] > n ? shown[0] - n : 0n;
    const start = forward ? shown.at(-1) + 1n : before;
    seeds.value = n > 1n ? `${start}-${start + n - 1n}` : String(start);
    change({ seeds: seeds.value });
  }

  // -- the page ---------------------------------------------------------------------------------

  fill(place,
    el("div", { class: "head" },
      el("div", { class: "names" }, el("h1", {}, t("play.title")),
        el("p", { class: "soft" }, t("play.trained", { data: model.data, images: count(model.images) }))),
      el("div", { class: "buttons" }, selects(id, model, runs, studio, (checkpoint) => {
        studio.go(`/play/${encodeURIComponent(id)}?${wish({ ...state, checkpoint })}`);
      }), copy)),
    trouble,
    el("div", { class: "playground" },
      el("section", { class: "panel samples-panel", "aria-labelledby": "samples" },
        el("div", { class: "head" }, el("h2", { id: "samples" }, t("play.samples")),
          el("div", { class: "seeds" },
            el("button", { type: "button", "aria-label": t("play.seeds-before"), title: t("play.seeds-before"), onclick: () => page(false) }, "‹"),
            el("label", { for: "seeds" }, t("play.seeds")), seeds,
            el("button", { type: "button", "aria-label": t("play.seeds-after"), title: t("play.seeds-after"), onclick: () => page(true) }, "›"))),
        tiles.place,
        el("div", { class: "presses" }, keepAll), all.place),
      knobs.place, one.place),
    way.place, own.place);
  one.nearOn(state.near === "1");
  await draw();
  if (answer && state.near) neighbour();
  return () => {
    ended = true;
    clearTimeout(timer);
    clearTimeout(waiting);
    way.stop();
    own.stop();
  };
}
