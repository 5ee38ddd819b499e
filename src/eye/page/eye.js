// The eye: listens to the relay, counts what it hears, and lets the panes draw.
//
// Question: what happens when the line breaks, the relay restarts, or more passes than a screen can show?
// The browser comes back by itself and names the last message it has; the relay answers with a summary first, so the numbers are
// right again. A restarted relay does not know this page's cookie: the page says so, waits, and goes on once the new address was
// opened. Counting is done as messages come, drawing once per frame, and the slow panes a few times a second.
//
//   EventSource ──summary──► tally ◄──row── EventSource          every frame:  feed
//                                     └───► feed, graph, inbox    every 200 ms: graph, sizes, knows, totals

import { byId, el, show, say, oncePerFrame } from "/dom.js";
import { Tally } from "/tally.js";
import { Feed } from "/feed.js";
import { drawGraph, run } from "/graph.js";
import { drawSizes, note } from "/sizes.js";
import { drawKnows } from "/knows.js";
import { inspect, prepareInspector } from "/inspector.js";
import { prepareInbox, offer, passed } from "/inbox.js";

const RETRY = 1000;
const SLOW = 200;
const GONE = "▲ The relay is gone. This page waits, and goes on by itself when the relay is back.";
const RESTARTED = "▲ The relay was restarted and does not know this page. Open the new address that it printed: this page goes on too.";

const tally = new Tally();
const feed = new Feed(inspect);
let last = 0;

const drawSlowly = (() => {
  let waiting = false, drawn = -SLOW;
  const draw = oncePerFrame(() => {
    waiting = false;
    drawn = performance.now();
    totals();
    drawGraph(tally);
    drawSizes(tally);
    drawKnows(tally, feed.rows());
    offer(tally);
  });
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(draw, Math.max(0, drawn + SLOW - performance.now()));
  };
})();
const draw = oncePerFrame(() => { feed.draw(); drawSlowly(); });

function connect() {
  const source = new EventSource(`/events?after=${last}`);
  source.addEventListener("summary", (event) => {
    const summary = JSON.parse(event.data);
    tally.reset(summary.tally);
    feed.missed(summary.missed);
    notice("");
    draw();
  });
  source.addEventListener("message", (event) => {
    const row = JSON.parse(event.data);
    last = row.n;
    if (tally.add(row)) run(row);
    feed.add(row);
    note(row);
    passed(row);
    draw();
  });
  source.addEventListener("error", () => {
    // Either the browser tries again by itself, or it was refused and has given up.
    if (source.readyState === EventSource.CLOSED) ask(); else notice(GONE);
  });
}

/** Finds out why there is no stream, and opens one when there can be. */
async function ask() {
  try {
    const answer = await fetch("/icon.svg");
    if (answer.ok) return connect();
    notice(RESTARTED);
  } catch {
    notice(GONE);
  }
  setTimeout(ask, RETRY);
}

function notice(text) {
  const place = byId("notice");
  say(place, text);
  place.hidden = text === "";
}

function totals() {
  const { open, sealed } = tally;
  show(byId("totals"),
    el("span", {}, `${tally.messages.toLocaleString("en-GB")} passed`),
    el("span", { class: "badge open" }, `□ ${open.messages.toLocaleString("en-GB")} open`),
    el("span", { class: "badge sealed" }, `■ ${sealed.messages.toLocaleString("en-GB")} sealed`));
}

prepareInspector();
prepareInbox();
addEventListener("resize", drawSlowly);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSlowly);
byId("pairs").parentElement.addEventListener("toggle", drawSlowly);
draw();
connect();
