// One game as this page knows it: its settings, its moves, and the frames that the server has sent.

import { cut, setupAt, total, withChange, withMoves } from "./script.js";

const MOST_FRAMES = 2000;

export class GameRecord {
  /** Which of the breaks of the page it shows: one of the form's, or null. */
  failure = null;
  /** Frames in the order of their moves, not of their arrival. */
  frames = [];

  /**
   * @param form what the server says can be set
   * @param script a game as script.js reads it: what it starts with
   */
  constructor(form, { setup, moves, at }) {
    this.form = form;
    this.setup = setup;
    this.moves = moves;
    /** The move that is looked at. */
    this.at = at;
  }

  get length() {
    return total(this.moves);
  }

  /** All settings in force at the move that is looked at. */
  get settings() {
    return setupAt(this, this.at, this.form.defaults);
  }

  /** Begin anew; settings that are the usual ones do not stand in the game's text. */
  begin(setup, moves = []) {
    const usual = (name, value) => String(this.form.defaults[name]) === String(value);
    this.setup = Object.fromEntries(Object.entries(setup).filter(([name, value]) => !usual(name, value)).map(([name, value]) => [name, String(value)]));
    this.moves = moves;
    this.at = total(moves);
    this.frames = [];
    this.failure = null;
  }

  again() {
    this.begin({ ...this.form.defaults, ...this.setup });
  }

  /** From here on, what was played after the move that is looked at is gone. */
  letGo() {
    if (this.at === this.length) return;
    this.moves = cut(this.moves, this.at);
    this.frames = this.frames.filter((frame) => frame.at <= this.at);
  }

  /** Play `n` moves more of one kind: false where the game would be too long. */
  press(kind, n) {
    this.letGo();
    if (this.length + n > this.form.most_moves) return false;
    this.moves = withMoves(this.moves, kind, n);
    this.at = this.length;
    return true;
  }

  /** Change settings from this move on; where one decides how a game begins, begin another. */
  change(settings) {
    const fixed = Object.keys(settings).some((name) => this.form.fixed.includes(name));
    if (fixed || !this.length) {
      const setup = { ...this.settings, ...settings };
      this.begin({ ...setup, ...(setup.data === "drawn" ? { labels: "none" } : { points: "" }) });
      return;
    }
    this.letGo();
    for (const [name, value] of Object.entries(settings)) this.moves = withChange(this.moves, name, value);
  }

  keep(frame) {
    // Before the new one joins them, which is never among those that are dropped.
    if (this.frames.length >= MOST_FRAMES) this.frames = this.frames.filter((_, i) => i % 2 === 0);
    const place = this.frames.findLastIndex((one) => one.at <= frame.at);
    const there = place >= 0 && this.frames[place].at === frame.at;
    if (there) frame.distances ??= this.frames[place].distances;
    this.frames.splice(there ? place : place + 1, there ? 1 : 0, frame);
  }

  /** The newest known frame up to the move that is looked at, or the first there is. */
  get nearest() {
    return this.frames.findLast((frame) => frame.at <= this.at) ?? this.frames[0];
  }
}
