// All that goes to the server and comes back: GET, POST with the token, and one stream of events.

import { language, spoken, t } from "./words.js";

const token = document.querySelector("meta[name=saddle-token]").content;

/** Names this tab's stream; a view gives it to the server where events are for this tab alone. */
export const tab = crypto.randomUUID?.() ?? String(Math.random()).slice(2).padEnd(16, "0");

/** The JSON at an address; an Error with the server's own sentence, and its `lang`, where there is none. */
export async function get(address) {
  return answer(await reach(address, {}));
}

/** Send a command; `body` is plain values, or a Blob that is sent as it is. */
export async function post(address, body = {}) {
  const raw = body instanceof Blob;
  return answer(await reach(address, {
    method: "POST",
    headers: { "X-Saddle-Token": token, "Content-Type": raw ? "application/octet-stream" : "application/json" },
    body: raw ? body : JSON.stringify(body),
  }));
}

/** What an element that loads by itself, such as a picture, is given to load what is at an address. */
export async function addressed(address) {
  return address;
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Error(t("studio.unreachable"));
  }
}

async function answer(response) {
  const content = await response.json().catch(() => ({}));
  if (!response.ok) {
    const { text, lang } = spoken(content.error ?? { en: response.statusText, [language]: response.statusText });
    throw Object.assign(new Error(text), { lang, status: response.status });
  }
  return content;
}

const listeners = new Map();
let source = null;

/**
 * Call `listener(data)` at each event of a kind; returns what ends it. `open` comes at each
 * connection, and `reset` when events were missed: then read everything again.
 */
export function on(kind, listener) {
  if (!listeners.has(kind)) {
    listeners.set(kind, new Set());
    source?.addEventListener(kind, heard);
  }
  listeners.get(kind).add(listener);
  // After the first paint: nothing of it waits for the stream.
  if (!source) setTimeout(connect, 0);
  return () => listeners.get(kind).delete(listener);
}

function connect() {
  if (source) return;
  source = new EventSource(`/events?tab=${tab}`);
  for (const kind of listeners.keys()) {
    if (kind !== "open") source.addEventListener(kind, heard);
  }
  source.onopen = () => tell("open", {});
  source.onerror = () => tell("lost", {});
}

function heard(event) {
  // The browser's own events of these names carry no data.
  if (event.data !== undefined) tell(event.type, JSON.parse(event.data));
}

function tell(kind, data) {
  for (const listener of [...(listeners.get(kind) ?? [])]) listener(data);
}

export function close() {
  source?.close();
  source = null;
}
