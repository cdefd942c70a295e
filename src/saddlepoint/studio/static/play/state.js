// What a page of samples shows, as its address says it. The words are those of `saddle sample`.

/** Name -> value where the address has none. The first ones decide what an image is. */
const WISH = { seeds: "0-23", labels: "", mix: "", move: "", truncation: "1", latent: "", "latent-label": "", checkpoint: "" };
const PLACES = { at: "0", from: "0", to: "1", near: "" };
const DEFAULTS = { ...WISH, ...PLACES };

export function read(query) {
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, query.get(name) ?? value]));
}

/** What differs from the defaults; null for what does not, which takes it out of the address. */
export function forAddress(state) {
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, state[name] === value ? null : state[name]]));
}

/** The query that asks the server for these images; `more` names places: {at: 3}. */
export function wish(state, more = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(WISH)) if (state[name] !== value) query.set(name, state[name]);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return query.toString();
}

/** "1:2,3:-1.5" -> Map {"1" => 2, "3" => -1.5} */
export function parts(text) {
  return new Map(text.split(",").filter(Boolean).map((part) => part.split(":")).map(([key, value]) => [key, Number(value)]));
}

export function text(map) {
  return [...map].map(([key, value]) => `${key}:${value}`).join(",");
}

/** Work that is done once more if it was asked for while it went on; calls between are dropped. */
export function latest(work) {
  let busy = false;
  let again = false;
  return async () => {
    if (busy) { again = true; return; }
    busy = true;
    do {
      again = false;
      await work();
    } while (again);
    busy = false;
  };
}
