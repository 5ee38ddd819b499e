// The two panes in the middle, and the thief's. Each shows what its own party has: the relay's comes from the operator's endpoint,
// StreamCo's from its own client, the thief's from a copy of Bob's keys that really tries.

import { badge, byId, bytes, el, say, show, time } from "/dom.js";
import { rows } from "/rows.js";

/** One message as the middle has it: legible, or noise. */
function drawRow(row) {
  const open = !row.noise;
  const head = el("p", { class: "head" },
    el("span", {}, `${row.from} → ${row.to}`),
    el("span", { class: "size" }, row.receipt ? "receipt" : bytes(row.size)),
    el("span", { class: open ? "open" : "sealed" }, open ? "□" : "■", el("span", { class: "unseen" }, open ? " open" : " sealed")));
  if (row.receipt) return el("li", { class: "row receipt was-open" }, head);
  const what = row.text
    ? el("p", { class: "legible" }, el("bdi", {}, row.text.text), row.text.cut ? el("span", { class: "quiet" }, ` … ${row.text.bytes} bytes in all`) : null)
    : el("p", { class: "noise bytes" }, row.noise ?? "(deleted after delivery)");
  return el("li", { class: row.text ? "row open was-open" : "row sealed was-sealed" }, head, what);
}

/** The state in a pane's heading: can its party read the latest message? */
function verdict(node, list) {
  const last = list.filter((row) => !row.receipt).at(-1);
  show(node, !last ? "" : last.noise ? el("span", { class: "badge sealed" }, "■ cannot read") : el("span", { class: "badge open" }, "□ reads it"));
}

export function relay() {
  const pane = byId("relay");
  const [state, lead, list, tally] = [".state", ".lead", ".rows", ".tally"].map((part) => pane.querySelector(part));
  let seen = null;
  let up = true;
  let only = null;

  function draw() {
    if (!seen) return;
    pane.classList.toggle("off", !up);
    if (up) verdict(state, seen.feed);
    else show(state, badge("gone"));
    const feed = only ? seen.feed.filter((row) => row.from === only) : seen.feed;
    say(lead, feed.length === 0 ? "Carries every message. Holds no keys." : only ? `Only what ${only[0].toUpperCase()}${only.slice(1)} sent:` : "");
    rows(list, feed, (row) => row.n, drawRow);
    show(tally, drawTally(seen.tally));
  }

  return {
    update(value) { seen = value; draw(); },
    up(is) { up = is; draw(); },
    /** How large the relay saw a message. */
    size(id) { return seen?.feed.find((row) => row.id === id)?.size; },
    /** Shows the tally instead of the feed, or only what one person sent. */
    view(asTally, sender) {
      only = sender ?? null;
      list.hidden = asTally;
      tally.hidden = !asTally;
      pane.parentElement.classList.toggle("ledger", asTally);
      draw();
    },
  };
}

/** What names, sizes and times alone add up to. */
function drawTally(tally) {
  const sum = (what) => tally.reduce((all, pair) => all + pair[what], 0);
  const row = (kind, ...cells) => el("tr", {}, cells.map((cell) => el(kind, {}, cell)));
  return [
    el("table", {},
      el("thead", {}, row("th", "who", "sent", "last")),
      el("tbody", {}, tally.flatMap((pair) => [
        row("td", el("b", {}, `${pair.from} → ${pair.to}`), `${pair.messages} ×`, time(pair.last)),
        el("tr", { class: "sizes" }, el("td", { colspan: "3" }, sizes(pair).map((words) => el("span", { class: "size" }, words)))),
      ]))),
    el("p", {}, `Readable: ${sum("read")} of ${sum("messages")}, sent open.`),
  ];
}

/** The most frequent sizes, and how many messages had another; a receipt in the open has none. */
function sizes(pair) {
  const all = Object.entries(pair.sizes).filter(([size]) => size !== "0").sort((a, b) => b[1] - a[1]).slice(0, 2);
  const others = pair.messages - all.reduce((sum, [, count]) => sum + count, 0);
  return [...all.map(([size, count]) => `${size} B ×${count}`), ...(others > 0 ? [`other ×${others}`] : [])];
}

export function partner() {
  const pane = byId("partner");
  const [state, lead, list] = [".state", ".lead", ".rows"].map((part) => pane.querySelector(part));
  return {
    update(value) {
      verdict(state, value.inbox);
      say(lead, value.error ? `▲ ${value.error}` : value.inbox.length === 0 ? "Reads Bob's inbox through the platform's Inbox API." : "");
      rows(list, value.inbox, (row) => row.n, drawRow);
    },
  };
}

export function thief() {
  const pane = byId("thief");
  const [state, list] = [".state", ".rows"].map((part) => pane.querySelector(part));
  return {
    update(value) {
      pane.hidden = !value;
      byId("partner").hidden = Boolean(value);
      pane.parentElement.classList.toggle("robbed", Boolean(value));
      if (!value) return;
      show(state, badge("Bob's keys"));
      const news = value.new.filter((attempt) => attempt.text || !attempt.opened);
      show(list,
        el("p", { class: value.old_opened > 0 ? "alarm" : "sealed" }, "Sealed, from before: ", el("b", {}, `${value.old_opened > 0 ? "▲" : "■"} ${value.old_opened} of ${value.old} open.`)),
        news.map((attempt, place) => el("p", { class: attempt.opened ? "alarm" : "sealed" },
          place === 0 ? "Next: " : "After that: ",
          attempt.opened ? el("b", {}, "▲ opens: “", el("bdi", {}, attempt.text.text), "”") : el("b", {}, "■ stays shut."))));
    },
  };
}
