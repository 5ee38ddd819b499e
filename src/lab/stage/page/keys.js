// The key story: which keys a device has now, which it had, and the number that two people compare.
//
// Nothing secret arrives here: keys come as a kind and a number, ratchet keys with the first bytes of their public half.
//
//   → 4  key of the fourth message that this device sealed         ← 3  of the third that it opened

import { code } from "/code.js";
import { el } from "/dom.js";

const NAMES = {
  root: (key) => ["root key", `mixed ${key.n}×`],
  ratchet: (key) => [`ratchet ${key.n}`, key.print],
  sending_chain: (key) => ["sending chain", `→ ${key.n}`],
  receiving_chain: (key) => ["receiving chain", `← ${key.n}`],
  sent: (key) => ["message key", `→ ${key.n}`],
  received: (key) => ["message key", `← ${key.n}`],
};

/** The keys of one device. `before` were wiped earlier; those since then stand out. */
export function keys(device, before) {
  const { exist, wiped, gone, just } = device.keys;
  if (exist.length === 0) {
    return [el("p", {}, device.mode === "open"
      ? "Open: nothing is sealed, so no session keys are made."
      : "No session yet. The first sealed message makes one.")];
  }
  const rows = exist.map((key) => {
    const [name, what] = NAMES[key.kind](key);
    return el("li", {}, el("span", {}, name), el("span", { class: "bytes" }, what));
  });
  const fresh = new Set(wiped.slice(0, gone - before));
  const column = (kind, name, write) => el("ul", {}, el("li", { class: "name" }, name),
    wiped.filter((key) => key.kind === kind).slice(0, 5)
      .map((key) => el("li", { class: fresh.has(key) ? "now" : "" }, el("s", { class: "bytes" }, write(key)))));
  return [
    el("h3", {}, "Exist now"),
    el("ul", { class: "exist" }, rows),
    el("h3", {}, gone > before ? `Wiped: ${gone}, new: ${gone - before}` : `Wiped: ${gone}`),
    el("div", { class: "wiped quiet" },
      column("sent", "sealed", (key) => `→ ${key.n}`),
      column("received", "opened", (key) => `← ${key.n}`),
      column("ratchet", "ratchet", (key) => key.print)),
    just.length > 0 ? el("h3", {}, "The last step") : null,
    el("ul", {}, just.map((line) => el("li", {}, line))),
  ];
}

/** The safety number, and what is known of it. */
export function number(device, peer) {
  if (!device.number) return [el("p", {}, `No key of ${peer} is on record yet.`)];
  const { groups, verified, changed, code: modules } = device.number;
  const held = device.log.filter((line) => line.state === "held").length;
  const alarm = device.log.findLast((line) => line.kind === "note" && line.alarm);
  return [
    el("h3", {}, "Safety number"),
    el("ol", { class: changed ? "digits bytes alarm" : "digits bytes", "aria-label": "60 digits" }, groups.map((group) => el("li", {}, group))),
    changed ? el("p", { class: "note alarm" }, `▲ ${peer}'s key has changed. ${held > 0 ? `${held} held, nothing sent.` : "Nothing is sent."}`)
      : el("p", {}, verified ? el("span", { class: "badge sealed" }, "✓ compared") : el("span", { class: "badge" }, "not compared")),
    code(modules, `QR code of the number of ${device.name} and ${peer}`),
    alarm && !changed ? el("p", { class: "note alarm" }, `▲ ${alarm.text}`) : null,
  ];
}
