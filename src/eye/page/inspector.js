// The inspector: one message, byte by byte, each with a label and what it means. (In the manner of "The Illustrated TLS
// Connection": label, bytes, explanation.)
//
// Question: what exactly does the relay hold of one message?
// This JSON, and beside it whether its reader has acknowledged it and over which addresses it came and went. The parts below, put
// together, are the envelope as the relay delivers it; only what would harm a page is shown escaped. Of an open one every part can
// be explained. Of a sealed one the largest part cannot: the relay does not take it apart, and could not.
//
//   {"seq":…,"id":…,"from":…,"to":…,"at":…,"payload":{"open":{"kind":"text",…,"text":"hello"}}}
//   {"seq":…,"id":…,"from":…,"to":…,"at":…,"payload":{"sealed":"AtVb0x…"}}

import { el, byId, show, say, time } from "/dom.js";

export function inspect(row) {
  const mode = row.seen.mode === "sealed" ? "sealed" : "open";
  say(byId("inspector-title"), `Message ${row.n}, byte by byte`);
  say(byId("inspector-lead"), "The envelope, as the relay delivers it. It also knows from which address it came, and whether it was picked up.");
  show(byId("parts"), partsOf(row).map(({ label, json, says, payload }) =>
    el("div", { class: `part ${payload ? mode : ""}` },
      el("code", { class: "bytes", dir: "ltr", tabindex: payload ? 0 : false }, json),
      el("p", {}, el("h3", {}, label), payload ? ` (${length(row)}). ` : ": ", says))));
  const dialog = byId("inspector");
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

export function prepareInspector() {
  const dialog = byId("inspector");
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

/** The envelope in parts: { label, json, says, payload }. All `json` in order are the envelope. */
export function partsOf({ n, id, from, to, at, size, cut, seen }) {
  const part = (label, json, says, payload = false) => ({ label, json, says, payload });
  const more = cut ? " Only its beginning is shown here." : "";
  const outside = [
    part("number", `{"seq":${n},`, "the relay’s own count"),
    part("id", `"id":"${id}",`, "random, chosen by the sender"),
    part("from", `"from":"${from}",`, "who wrote: the sender logged in"),
    part("to", `"to":"${to}",`, "whose mailbox it is for"),
    part("time", `"at":${at},`, `${time(at)} on the relay’s clock`),
  ];
  if (seen.mode === "sealed") {
    return [...outside,
      part("sealed", `"payload":{"sealed":"`, "what follows is noise here"),
      part("opaque", seen.blob, `The relay has no key for this and does not take it apart. All it learns is the size.${more}`, true),
      part("end", `"}}`, "nothing more")];
  }
  const clock = part("sender’s time", `"sent_at":${seen.sent_at},`, `${time(seen.sent_at)} on the sender’s clock`);
  if (seen.mode === "receipt") {
    return [...outside,
      part("open receipt", `"payload":{"open":{"kind":"receipt",`, "what follows is legible here"),
      clock,
      part("receipt", `"of":${seen.of},`, `The sender says that text number ${seen.of} has arrived.`, true),
      part("its time", `"of_sent_at":${seen.of_sent_at}`, `the text of ${time(seen.of_sent_at)} on its writer’s clock`),
      part("end", `}}}`, "nothing more")];
  }
  return [...outside,
    part("open text", `"payload":{"open":{"kind":"text",`, "what follows is legible here"),
    clock,
    part("count", `"counter":${seen.counter},`, `text number ${seen.counter} of ${from} to ${to}`),
    part("text", `"text":${JSON.stringify(seen.text)}`, `The message itself. The relay can read it, keep it, search it, change it, and let others in.${more}`, true),
    part("end", `}}}`, "nothing more")];
}

function length({ size, seen }) {
  if (seen.mode === "receipt") return "open";
  return `${size.toLocaleString("en-GB")} bytes${seen.mode === "sealed" ? ", shown as base64" : ""}`;
}
