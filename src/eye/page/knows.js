// What I know, what I cannot know: the same numbers, put into sentences.
//
// Question: where is the line between what sealing hides and what it does not?
// Left, everything that follows from names, times and sizes, and from the texts of open messages. Right, what would need a key. If
// nothing is sealed, nothing is on the right: that is the honest answer, not an empty pane.

import { el, byId, show, bytes, time } from "/dom.js";

const s = (count, word) => `${count.toLocaleString("en-GB")} ${word}${count === 1 ? "" : "s"}`;

export function drawKnows(tally, rows) {
  const item = (strong, ...rest) => el("li", {}, el("b", {}, strong), " ", ...rest);
  const { open, sealed } = tally;
  if (tally.messages === 0) {
    const nothing = el("li", { class: "quiet" }, "Nothing has passed yet.");
    show(byId("known"), nothing);
    show(byId("unknown"), nothing.cloneNode(true));
    return;
  }
  const people = tally.people(), pairs = tally.pairs(), busiest = pairs[0];
  const names = people.slice(0, 6).map(({ name }) => name).join(", ") + (people.length > 6 ? ", …" : "");
  const latest = rows.find((row) => row.seen.mode === "text");
  const quote = latest && `“${latest.seen.text.slice(0, 60)}${latest.seen.text.length > 60 ? "…" : ""}”`;
  show(byId("known"),
    item(people.length === 1 ? "1 person:" : `${people.length} people:`, names),
    item("Who with whom:", `${s(pairs.length, "pair")}; most often ${busiest.a} and ${busiest.b}, ${s(busiest.open + busiest.sealed, "time")}`),
    item("When:", `${time(tally.first_at)} to ${time(tally.last_at)}, each to the millisecond`),
    item("How much:", `${s(tally.messages, "message")}, ${bytes(open.bytes + sealed.bytes)}`),
    open.messages > 0 && el("li", { class: "open" }, el("b", {}, `□ What ${s(open.messages, "open message")} say${open.messages === 1 ? "s" : ""}.`),
      quote ? [" The latest: ", el("span", { dir: "auto", class: "quote" }, quote)] : ""),
    el("li", { class: "quiet" }, "Not drawn here: who is connected, who asks for whose keys, when mail is picked up."));
  const blobs = rows.filter((row) => row.seen.mode === "sealed").map((row) => row.seen.blob);
  const different = new Set(blobs).size;
  show(byId("unknown"), sealed.messages === 0
    ? el("li", { class: "open" }, el("b", {}, "□ Nothing."), ` ${open.messages === 1 ? "The one message is" : `All ${s(open.messages, "message")} are`} open.`)
    : [
      el("li", { class: "sealed" }, el("b", {}, `■ What ${s(sealed.messages, "sealed message")} say${sealed.messages === 1 ? "s" : ""}.`)),
      item("How long they are:", `${s(sealed.messages, "message")}, only ${s(sealed.sizes.size, "size")}. “Yes” and a paragraph weigh the same.`),
      item("Whether two say the same:", blobs.length < 2 ? "no two blobs are ever alike." : `of the last ${blobs.length} blobs ${different === blobs.length ? "no two are alike" : `${different} differ`}.`),
      item("Which are receipts:", "not by size or bytes; by its timing I can guess."),
      item("Any key:", "they are made at the ends and stay there. I pass on public halves only."),
      el("li", { class: "quiet" }, "Still in my power: to delay, to drop, to hand out a false key. A false key changes the safety number."),
    ]);
}
