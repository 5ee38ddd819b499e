// The feed: messages as they pass, the newest on top.
//
// Question: how does a page stay quick and small while ten thousand messages pass?
// Rows wait in a short queue and are drawn once per frame; the queue and the list hold at most 200, older ones go. A paused
// feed draws nothing and goes on counting. Arrow keys choose a row, Enter opens it.

import { el, badge, bytes, time, byId, say } from "/dom.js";
import { modeOf } from "/tally.js";

/** Rows in the document, and in the queue. */
const KEEP = 200;
/** Characters of a payload on one line. */
const LINE = 160;
/** Rows in one frame above which a screen reader is not told each of them. */
const FAST = 3;

export class Feed {
  #list = byId("rows");
  #pause = byId("pause");
  #waiting = [];
  #rows = new Map();
  #paused = false;
  #unseen = 0;
  #inspect;

  constructor(inspect) {
    this.#inspect = inspect;
    this.#pause.addEventListener("click", () => this.#toggle());
    this.#list.addEventListener("click", (event) => this.#open(event.target.closest("li")));
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  add(row) {
    this.#waiting.push(row);
    if (this.#waiting.length > 2 * KEEP) this.#waiting.splice(0, KEEP);
    if (this.#paused) this.#unseen += 1;
  }

  /** Says that rows cannot be shown. They are counted all the same. */
  missed(count) {
    if (count > 0) this.#waiting.push({ missed: count });
  }

  /** The rows that are shown, the newest first. */
  rows() {
    return [...this.#list.children].map((item) => this.#rows.get(item.dataset.n)).filter(Boolean);
  }

  draw() {
    if (this.#paused) {
      say(this.#pause, `Go on (${this.#unseen} new)`);
      return;
    }
    const fresh = this.#waiting.splice(0).slice(-KEEP);
    if (fresh.length === 0) return;
    byId("nothing").hidden = true;
    this.#list.setAttribute("aria-busy", String(fresh.length > FAST));
    this.#list.prepend(...fresh.reverse().map((row) => this.#item(row)));
    while (this.#list.children.length > KEEP) {
      const oldest = this.#list.lastElementChild;
      if (oldest.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
      this.#rows.delete(oldest.dataset.n);
      oldest.remove();
    }
  }

  #item(row) {
    if (row.missed) return el("li", { class: "missed" }, `… ${row.missed} more passed too fast to be shown; they are counted`);
    const mode = modeOf(row);
    this.#rows.set(String(row.n), row);
    return el("li", { class: mode, "data-n": row.n },
      el("button", { type: "button", tabindex: -1 },
        el("span", { class: "outside" },
          el("span", {}, `${time(row.at)} `, el("b", {}, `${row.from} → ${row.to}`)), " ", el("span", {}, bytes(row.size))), " ",
        el("span", { class: `inside ${mode}` }, badge(mode), " ", el("span", { dir: "auto" }, inside(row)))));
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.#unseen = 0;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    say(this.#pause, this.#paused ? "Go on" : "Pause");
    this.draw();
  }

  #open(item) {
    const row = item && this.#rows.get(item.dataset.n);
    if (row) this.#inspect(row);
  }

  #key(event) {
    const items = [...this.#list.children].filter((item) => item.dataset.n);
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined || !items[to]) return;
    event.preventDefault();
    items[to].firstElementChild.focus();
  }
}

/** What a row shows of its payload: a line of text, or of noise. */
export function inside({ seen }) {
  if (seen.mode === "text") return seen.text.slice(0, LINE);
  if (seen.mode === "receipt") return `[receipt for message ${seen.of}]`;
  return seen.blob.slice(0, LINE);
}
