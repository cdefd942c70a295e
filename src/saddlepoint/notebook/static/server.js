// In place of the studio's server.js: asks the notebook's process instead of a server. What a page of
// a training run needs is there already, as that process may be busy with the training.

import { spoken } from "./words.js";

const { model } = globalThis.saddlepoint;

export const tab = globalThis.crypto.randomUUID?.() ?? String(Math.random()).slice(2).padEnd(16, "0");

const waiting = new Map();
const listeners = new Map();
const loaded = new Map();
let number = 0;

/** The JSON at an address; an Error with the studio's own sentence where there is none. */
export async function get(address) {
  const known = model.get("_known")[address];
  // A view changes what it was given.
  return known ? structuredClone(known) : json(await ask("GET", address));
}

export async function post(address, body = {}) {
  return json(await ask("POST", address, JSON.stringify(body)));
}

/** What is at an address, as a blob of the browser's. */
export function addressed(address) {
  if (!loaded.has(address)) loaded.set(address, load(address));
  return loaded.get(address);
}

async function load(address) {
  const here = model.get("_files")[address] ?? model.get("_known")[address];
  const answer = here ? { body: here } : await ask("GET", address);
  const type = { js: "text/javascript", css: "text/css", png: "image/png" }[address.split(".").at(-1)];
  let blob = new Blob([answer.body], { type });
  // Of gzip, as its first two bytes say.
  const [a, b] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  if (a === 31 && b === 139) {
    const unpacked = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    blob = new Blob([await new Response(unpacked).arrayBuffer()], { type });
  }
  return URL.createObjectURL(blob);
}

function ask(method, address, body = "") {
  const id = `${tab}-${number += 1}`;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    model.send({ id, method, address, body });
  });
}

function json({ status, body }) {
  const content = JSON.parse(new TextDecoder().decode(body));
  if (status >= 400) {
    const { text, lang } = spoken(content.error);
    throw Object.assign(new Error(text), { lang, status });
  }
  return content;
}

function answered(content, buffers) {
  waiting.get(content.id)?.({ ...content, body: buffers[0] });
  waiting.delete(content.id);
}

function changed() {
  tell("run", { id: model.get("_rest") });
}

model.on("msg:custom", answered);
model.on("change:_known", changed);

export function on(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

function tell(kind, data) {
  for (const listener of [...(listeners.get(kind) ?? [])]) listener(data);
}

export function close() {
  model.off("msg:custom", answered);
  model.off("change:_known", changed);
}
