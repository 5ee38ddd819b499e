// The partner's pane beyond the inbox: the two-weekly report, and which ad somebody would be shown and why.
//
// Question: what of the business needs to read messages?
// The report does not: it counts StreamCo's own events, and is the same, byte for byte, open and sealed. The ads partly do: words come
// from open messages, while what StreamCo tells and who writes to whom stay. Everything here was played twice, by real
// clients, once all open and once all sealed (twins.rs); the page only puts the two beside each other.
//
//   business.report   { days: [[day, sends, clicks], …], bytes: [open, sealed], equal, … }
//   business.open     { bob: { ad, words, signals, metadata, … }, alice: … }          business.sealed   the same

import { byId, el, show, svg } from "/dom.js";

const PEOPLE = [["bob", "Bob"], ["alice", "Alice"]];

/** The tabs of StreamCo's pane, and what is behind the second and the third. */
export function business() {
  const [pane, panes] = [byId("partner"), document.querySelector(".panes")];
  const [lead, list, place] = [pane.querySelector(".lead"), pane.querySelector(".rows"), byId("business")];
  const tabs = [...byId("tabs").children];
  let known = null;
  let tab = "inbox";
  let whose = "bob";
  let drawn = "";

  for (const node of tabs) node.addEventListener("click", () => view(node.dataset.tab));

  function view(which) {
    tab = which;
    for (const node of tabs) node.setAttribute("aria-pressed", String(node.dataset.tab === tab));
    place.hidden = tab === "inbox";
    list.hidden = lead.hidden = tab !== "inbox";
    pane.querySelector(".state").hidden = tab !== "inbox";
    arrange();
    draw();
  }

  /** The report takes the relay's room, the ads take everybody's; not while StreamCo gives place to the thief. */
  function arrange() { panes.dataset.tab = pane.hidden ? "inbox" : tab; }

  /** Draws only what differs, so that a button keeps the focus. */
  function draw() {
    const what = JSON.stringify([tab, whose, tab === "inbox" ? null : known]);
    if (what === drawn) return;
    drawn = what;
    if (tab === "inbox" || !known?.report) show(place);
    else if (tab === "report") show(place, report(known.report));
    else drawAds();
  }

  function drawAds() {
    const held = place.contains(document.activeElement) ? document.activeElement.dataset.whose : null;
    const people = PEOPLE.map(([id, name]) => {
      const node = el("button", { type: "button", "data-whose": id, "aria-pressed": String(id === whose) }, `${name}’s ad`);
      node.addEventListener("click", () => { whose = id; draw(); });
      return node;
    });
    show(place,
      el("div", { class: "whose" },
        el("p", { class: "quiet" }, known.error ? `▲ ${known.error}` : "The same talk, played twice by real clients:"),
        el("div", { class: "switch", role: "group", "aria-label": "Whose ad" }, people)),
      el("div", { class: "both" }, side("open", "□ all of it open", known.open[whose]), side("sealed", "■ all of it sealed", known.sealed[whose])),
      rest(known.open[whose], known.sealed[whose]));
    if (held) place.querySelector(`[data-whose="${held}"]`)?.focus();
  }

  view("inbox");
  return { update(value) { known = value; draw(); }, view, arrange };
}

function alleged() {
  return el("span", { class: "tag" }, "alleged");
}

/** The report: a chart of the fortnight, and whether both ways give the same bytes. */
function report({ days, sends, clicks, today, bytes, equal }) {
  const said = [el("b", {}, equal ? "✓ The same, byte for byte:" : "▲ They differ:"), ` all open ${bytes[0]} B, all sealed ${bytes[1]} B.`];
  return [
    el("p", {}, alleged(), "Two-weekly counts, partner to platform:"),
    el("p", { class: equal ? "proof same" : "proof alarm" }, said),
    el("figure", { class: "chart" },
      el("figcaption", {}, key("sends", `${sends} sends`), key("clicks", `${clicks} clicks`)),
      chart(days),
      el("p", { class: "ends quiet" }, el("span", {}, date(days[0][0])), el("span", {}, "today"))),
    el("p", { class: "quiet" }, `Today ${today[0]} sent and ${today[1]} opened; earlier days are made up.`),
  ];
}

function key(kind, words) {
  return el("span", {}, svg("svg", { viewBox: "0 0 24 24", class: "swatch", "aria-hidden": "true" }, svg("rect", { class: `bar-of ${kind}`, x: 1, y: 1, width: 22, height: 22 })), words);
}

/** A pair of bars for each day; as high as its count. */
function chart(days) {
  const [width, height, slot] = [days.length * 30, 120, 30];
  const most = Math.max(1, ...days.map(([, sends, clicks]) => Math.max(sends, clicks)));
  const tall = (count) => (count * (height - 4)) / most;
  const bar = (kind, count, x) => (count === 0 ? null : svg("rect", { class: `bar-of ${kind}`, x, y: height - tall(count), width: 12, height: tall(count) }));
  const bars = days.flatMap(([, sends, clicks], n) => [bar("sends", sends, n * slot + 2), bar("clicks", clicks, n * slot + 15)]);
  const words = days.map(([day, sends, clicks]) => `${day}: ${sends} sends, ${clicks} clicks`).join("; ");
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words },
    bars.filter(Boolean), svg("line", { class: "base", x1: 0, x2: width, y1: height - 1, y2: height - 1 }));
}

function date(day) {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** One side: the ad, and the words that it came from. */
function side(mode, heading, known) {
  if (!known) return el("section", { class: `side was-${mode}` }, el("h3", { class: mode }, heading), el("p", { class: "quiet" }, "The platform is choosing."));
  const nothing = mode === "sealed"
    ? `Empty: of ${known.messages} messages not one word can be read.`
    : `None of its words yet, in ${known.texts} texts that it read.`;
  return el("section", { class: `side was-${mode}`, "aria-label": heading },
    el("h3", { class: mode }, heading),
    el("p", { class: "ad" }, known.ad ?? "No ad: nothing is known."),
    group("words", ["Words of messages"], known.words, nothing, known.interest));
}

/** What StreamCo tells, and metadata: once for both sides if they are the same, which is looked at and not supposed. */
function rest(open, sealed) {
  if (!open || !sealed) return null;
  const groups = (known) => [group("signals", ["StreamCo tells ", alleged()], known.signals, "None."), group("metadata", ["Metadata"], known.metadata, "None.")];
  const same = JSON.stringify([open.signals, open.metadata]) === JSON.stringify([sealed.signals, sealed.metadata]);
  if (!same) return el("div", { class: "both" }, el("div", {}, groups(open)), el("div", {}, groups(sealed)));
  return el("section", { class: "shared", "aria-label": "The same on both sides" },
    el("h3", {}, "□ ■ the same on both sides"),
    el("div", { class: "both" }, groups(open)));
}

function group(kind, title, { count, shown }, none, chosen) {
  return el("div", { class: `group ${kind}` },
    el("p", { class: "title" }, title, " ", el("b", {}, String(count))),
    shown.length === 0 ? el("p", {}, none) : el("ul", {}, shown.map((one) => evidence(one, chosen))));
}

function evidence({ what, interest, message }, chosen) {
  return el("li", { class: interest === chosen ? "counts" : "" },
    message ? quoted(message, what) : el("bdi", {}, what),
    el("span", { class: "quiet" }, ` →\u00a0${interest}`));
}

/** A word with the words about it, and whose message it is from. */
function quoted([writer, { text }], word) {
  const at = Math.max(text.indexOf(word), 0);
  const [before, after] = [Array.from(text.slice(0, at)), Array.from(text.slice(at + word.length))];
  // Words that were cut are left out, whole ones stay.
  const early = before.length > 10 ? before.slice(-10).join("").replace(/^\S* /, "") : before.join("");
  const late = after.length > 10 ? after.slice(0, 10).join("").replace(/ \S*$/, "") : after.join("");
  return [`${writer}: “`, el("bdi", { title: text }, before.length > 10 ? "…" : "", early, el("mark", {}, word), late, after.length > 10 ? "…" : ""), "”"];
}
