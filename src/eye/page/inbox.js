// StreamCo's inbox: what the partner's Inbox API answers for one person, asked anew when that person's mail passes.
//
// Question: what does a company get that the platform lets in?
// Of open conversations the text, both sides of it, though only one may have agreed. Of sealed ones names, times and sizes, and a
// blob until it is delivered. The page asks the same function that answers the partner; the partner's token stays with the partner.

import { el, badge, bytes, time, byId, show, say } from "/dom.js";

/** Messages that stay in the pane. */
const KEEP = 50;
/** Characters of a text or blob on one line. */
const LINE = 160;
/** How far back a newly chosen person's inbox is read, in relay numbers, and how often it is asked for at most. */
const BACK = 400;
const PAUSE = 500;

const state = { user: "", after: 0, stale: false, asking: false };

export function prepareInbox() {
  byId("whose").addEventListener("change", (event) => choose(event.target.value, state.last));
}

/** Offers the people there are, in alphabetical order; the first to appear is chosen. */
export function offer(tally) {
  state.last = tally.last;
  const select = byId("whose"), known = new Set([...select.options].map(({ value }) => value));
  const people = tally.people().slice(0, 100);
  const names = [...new Set([...people.map(({ name }) => name), state.user])].filter(Boolean).sort();
  if (names.length === 0 || (names.length === known.size && names.every((name) => known.has(name)))) return;
  show(select, names.map((name) => el("option", { value: name }, name)));
  select.value = state.user || people[0].name;
  if (!state.user) choose(select.value, tally.last);
}

/** Somebody's mail has passed. */
export function passed({ from, to }) {
  if (from !== state.user && to !== state.user) return;
  state.stale = true;
  if (!state.asking) ask();
}

function choose(user, last = 0) {
  Object.assign(state, { user, after: Math.max(0, last - BACK), stale: true });
  say(byId("request"), `GET /partner/v1/users/${user}/messages`);
  show(byId("mail"));
  if (!state.asking) ask();
}

async function ask() {
  state.asking = true;
  while (state.stale) {
    state.stale = false;
    const { user, after } = state;
    try {
      const answer = await fetch(`/inbox?user=${user}&after=${after}`);
      const { messages, next } = answer.ok ? await answer.json() : { messages: [], next: null };
      if (user !== state.user) continue;
      if (next !== null) Object.assign(state, { after: next, stale: true });
      add(messages);
    } catch {
      // The relay is gone: the page says so, and the next message asks again.
      break;
    }
    await new Promise((again) => setTimeout(again, PAUSE));
  }
  state.asking = false;
}

function add(messages) {
  const list = byId("mail");
  list.prepend(...messages.slice(-KEEP).reverse().map(({ from, to, at, mode, size, text, sealed }) =>
    el("li", {},
      el("span", { class: "outside" }, el("span", {}, `${time(at)} `, el("b", {}, `${from} → ${to}`)), " ", el("span", {}, bytes(size))), " ",
      el("span", { class: `inside ${mode}` }, badge(mode), " ", el("span", { dir: "auto" }, text?.slice(0, LINE) ?? sealed?.slice(0, LINE) ?? "gone after delivery")))));
  while (list.children.length > KEEP) list.lastElementChild.remove();
}
