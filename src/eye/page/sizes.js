// Sizes over time: what padding leaves for the middle to see.
//
// Question: what does the size of a message tell?
// Of an open one its exact length, so that "yes" and "no" differ. A sealed one is filled up first: its text becomes 512 bytes or
// 1, 2, 4, … 128 KiB, and a fixed overhead comes on top, so the squares lie on a few steps. A first message is larger, because it
// carries the handshake. The steps are published (docs/protocol.md, "Padding"); the picture only draws them behind the data.

import { svg, el, byId, show, bytes, time } from "/dom.js";
import { modeOf } from "/tally.js";

/** The padded sizes, as powers of two: 512 B to 128 KiB. */
const STEPS = [9, 10, 11, 12, 13, 14, 15, 16, 17];
/** The labelled powers of two; the picture ends at 4 KiB, or higher if something larger has passed. */
const LABELS = [0, 4, 9, 12, 15, 17];
const LEAST = 12.5;
/** Pixels from one message to the next. */
const APART = 12;

const recent = [];

/** Remembers the size of a message, as many as fit into a wide picture. */
export function note(row) {
  recent.push({ at: row.at, size: row.size, mode: modeOf(row) });
  if (recent.length > 200) recent.shift();
}

export function drawSizes(tally) {
  const chart = byId("chart"), { clientWidth: width, clientHeight: height } = chart;
  const text = parseFloat(getComputedStyle(chart).fontSize);
  const left = 4.6 * text, bottom = height - 1.5 * text, top = 0.5 * text;
  const largest = Math.max(...recent.map(({ size }) => size), 1);
  const roof = Math.max(LEAST, Math.ceil(Math.log2(largest)) + 0.5);
  const y = (power) => bottom - (bottom - top) * power / roof;
  const marks = recent.slice(-Math.floor((width - left - 16) / APART));
  const x = (i) => left + 8 + APART * (i + 0.5);

  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const steps = STEPS.filter((power) => power + 1 <= roof).map((power) => svg("rect", { class: "step", x: left, width: width - left, y: y(power + 1) + 1, height: y(power) - y(power + 1) - 2 }));
  const labels = LABELS.filter((power) => power <= roof).flatMap((power) => [
    svg("line", { class: "grid", x1: left, x2: width, y1: y(power), y2: y(power) }),
    svg("text", { x: left - 8, y: y(power), "text-anchor": "end", "dominant-baseline": "central" }, bytes(2 ** power))]);
  const dots = marks.map(({ size, mode }, i) => {
    const at = y(Math.log2(Math.max(1, size)));
    return mode === "open" ? svg("circle", { class: mode, cx: x(i), cy: at, r: 5 }) : svg("rect", { class: mode, x: x(i) - 5, y: at - 5, width: 10, height: 10 });
  });
  const under = { y: height - 0.5 * text, "dominant-baseline": "central" };
  const times = marks.length === 0 ? [] : [svg("text", { ...under, x: left }, time(marks[0].at))];
  if (marks.length * APART > 11 * text) times.push(svg("text", { ...under, x: x(marks.length - 1), "text-anchor": "end" }, time(marks.at(-1).at)));
  show(chart, ...steps, ...labels, ...dots, ...times);
  const { open, sealed } = tally;
  chart.setAttribute("aria-label", `${open.messages} open messages of ${open.sizes.size} sizes, ${sealed.messages} sealed ones of ${sealed.sizes.size}.`);
  show(byId("buckets"), open.messages > 0 && el("span", { class: "open" }, `□ ${many(open, "open")} ${lengths(open)}`), open.messages > 0 && el("br"),
    sealed.messages > 0 && el("span", { class: "sealed" }, `■ ${many(sealed, "sealed")} ${lengths(sealed)}: ${common(sealed)}`),
    sealed.sizes.size > 1 && el("span", { class: "quiet" }, " The larger ones are long, or carry a first handshake."));
}

const number = (count) => count.toLocaleString("en-GB");
const many = ({ messages }, word) => `${number(messages)} ${word}`;
const lengths = ({ sizes }) => (sizes.size === 1 ? "of one size" : `of ${number(sizes.size)} different sizes`);

function common({ sizes }) {
  const most = [...sizes].sort(([, p], [, q]) => q - p);
  const shown = most.slice(0, 3).map(([size, count]) => `${number(count)} × ${number(size)} B`).join(", ");
  return most.length > 3 ? `${shown}, …` : shown;
}
