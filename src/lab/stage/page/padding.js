// Sizes: how long a text is, to what it is filled up, and how large the relay sees it.
//
//   text │ time │ padding ……………… │ seal            512 B or 1, 2, 4, … KiB, then the seal: always the same
//   ████ │ ▓▓▓▓ │ ░░░░░░░░░░░░░░░ │ ▒▒▒                     (and the key agreement, as long as it has not been answered)
//
// The numbers come from the protocol's own code (`padding` in a device's section); only the sum is done here, so that the bar
// moves with every letter that is typed. In open mode there is nothing to fill up: the size is the text's.

import { bytes, el, svg } from "/dom.js";

const WIDTH = 400;
const HEIGHT = 40;

/** What becomes of a text of `length` bytes. */
export function sizes(length, { head, least, most, seal, handshake }) {
  let bucket = least;
  while (bucket < head + length + 1 && bucket < most) bucket *= 2;
  return { length, head, bucket, seal, handshake, blob: bucket + seal + handshake };
}

/** The bar and its words. */
export function bar(label, length, open, padding) {
  const size = open ? { length, head: 0, bucket: length, seal: 0, handshake: 0, blob: length } : sizes(length, padding);
  const scale = WIDTH / Math.max(size.blob, padding.least + padding.seal);
  const parts = [["text", size.length], ["head", size.head], ["fill", size.bucket - size.length - size.head], ["seal", size.seal], ["keys", size.handshake]];
  let x = 0;
  const drawing = parts.filter(([, part]) => part > 0).map(([kind, part]) => {
    const rect = svg("rect", { class: `part ${kind}`, x, y: 2, width: Math.max(part * scale, 3), height: HEIGHT - 4 });
    x += part * scale;
    return rect;
  });
  const words = open ? `${bytes(length)}, as it is` : `${length} → ${size.bucket} → ${size.blob} B`;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": words }, drawing);
  return el("figure", { class: "bar-figure" }, el("figcaption", {}, label), picture, el("p", { class: "bytes" }, words));
}

/** What the parts of the bar are. */
export function legend() {
  const item = (kind, word) => el("li", {}, svg("svg", { viewBox: "0 0 24 24", class: "swatch" }, svg("rect", { class: `part ${kind}`, x: 1, y: 1, width: 22, height: 22 })), word);
  return el("ul", { class: "legend quiet" }, item("text", "text"), item("head", "time"), item("fill", "padding"), item("seal", "seal"));
}
