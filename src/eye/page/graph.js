// The contact graph: who with whom, how often. Drawn from names and counts alone.
//
// Question: what does a relay know of people whose messages it cannot read?
// Everybody's contacts. People stand on an ellipse in the order in which they appeared, so that nobody jumps about; a line is the
// wider the more has passed. Open and sealed are two lines, dashed and whole. A message that passes runs along its line once.

import { el, svg, byId, show, say, calm, time } from "/dom.js";
import { modeOf } from "/tally.js";

/** People in the picture; the table has them all. */
const DRAWN = 12;
/** Pairs in the table. */
const ROWS = 200;
/** Messages that run at the same time, and how long each does, in milliseconds. */
const RUNNING = 8;
const RUN = 700;
/** Messages a second beyond which none runs: then they would be a blur. */
const BLUR = 20;

const order = [];
const curves = new Map();
const running = new Set();
const paths = svg("g");
let pace = 0, before = 0;

export function drawGraph(tally) {
  const picture = byId("people"), { clientWidth: width, clientHeight: height } = picture;
  const people = tally.people(), drawn = people.slice(0, DRAWN), names = new Set(drawn.map(({ name }) => name));
  for (const { name } of drawn) if (!order.includes(name)) order.push(name);
  order.splice(0, order.length, ...order.filter((name) => names.has(name)));
  const pairs = tally.pairs(), among = pairs.filter(({ a, b }) => names.has(a) && names.has(b));
  const text = parseFloat(getComputedStyle(picture).fontSize);
  const places = placesOf(width, height, text);
  const count = new Map(drawn.map(({ name, messages }) => [name, messages]));

  const thin = Math.min(1, 8 / among.length);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  curves.clear();
  const lines = [], grounds = [], labels = [];
  for (const pair of among) {
    for (const mode of ["open", "sealed"]) {
      if (pair[mode] === 0) continue;
      const curve = curveOf(places.get(pair.a), places.get(pair.b), pair, mode, { x: width / 2, y: height / 2 });
      curves.set(`${pair.a} ${pair.b} ${mode}`, curve);
      lines.push(svg("path", { class: `edge ${mode}`, d: curve.d, "stroke-width": Math.max(2, thin * wide(pair[mode])) }));
      if (order.length <= 6) {
        // In a crowd lines through the middle meet there: their numbers stand apart from it.
        const across = order.length > 3 && 2 * Math.abs(order.indexOf(pair.a) - order.indexOf(pair.b)) === order.length;
        const [x, y] = curve.at(across ? 0.36 : pair.open === 0 || pair.sealed === 0 ? 0.5 : mode === "open" ? 0.66 : 0.42);
        const label = `${mode === "open" ? "□" : "■"} ${pair[mode]}`, wide = 0.66 * text * label.length;
        grounds.push(svg("rect", { class: "ground", x: x - wide / 2, y: y - 0.6 * text, width: wide, height: 1.2 * text }));
        labels.push(svg("text", { class: mode, x, y, "text-anchor": "middle", "dominant-baseline": "central" }, label));
      }
    }
  }
  const nodes = order.flatMap((name) => {
    const { x, y, label } = places.get(name);
    return [svg("circle", { class: "node", cx: x, cy: y, r: 8 + Math.min(12, 2 * Math.log2(1 + count.get(name))) * (order.length > 6 ? 0.4 : 1) }),
      svg("text", { class: "name", ...label }, short(name), svg("title", {}, name))];
  });
  show(picture, svg("g", {}, ...lines, ...grounds), paths, svg("g", {}, ...nodes, ...labels));
  picture.setAttribute("aria-label", spoken(pairs));
  legend(people.length, pairs.length);
  table(pairs, tally.unlisted);
}

/** Lets a message run along its line. */
export function run(row) {
  const mode = modeOf(row), [a, b] = row.from < row.to ? [row.from, row.to] : [row.to, row.from];
  const key = `${a} ${b} ${mode}`;
  const now = performance.now();
  pace = pace * Math.exp((before - now) / 1000) + 1;
  before = now;
  if (calm() || pace > BLUR || running.size >= RUNNING || !curves.has(key)) return;
  const dot = svg(mode === "open" ? "circle" : "rect", mode === "open" ? { class: "pulse open", r: 9 } : { class: "pulse sealed", width: 18, height: 18 });
  let start;
  running.add(dot);
  const step = (now) => {
    start ??= now;
    const t = Math.min(1, (now - start) / RUN), curve = curves.get(key);
    if (t === 1 || !curve) { running.delete(dot); dot.remove(); return; }
    const [x, y] = curve.at(row.from === a ? t : 1 - t);
    if (mode === "open") { dot.setAttribute("cx", x); dot.setAttribute("cy", y); }
    else { dot.setAttribute("x", x - 9); dot.setAttribute("y", y - 9); }
    if (!dot.isConnected) paths.append(dot);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

/** Where everybody stands, and their names beside them. */
function placesOf(width, height, text) {
  const few = order.length <= 3, places = new Map();
  const longest = 0.62 * text * Math.max(...order.map((name) => short(name).length), 3);
  const rx = width / 2 - (few ? Math.max(20, longest / 2) : 32 + longest), ry = height / 2 - 2.2 * text;
  order.forEach((name, i) => {
    const angle = order.length === 2 ? Math.PI * (1 - i) : 2 * Math.PI * i / order.length - Math.PI / 2;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [x, y] = [width / 2 + rx * cos, height / 2 + (order.length === 2 ? 0 : ry * sin)];
    const side = !few && Math.abs(cos) > 0.3;
    const label = side
      ? { x: x + Math.sign(cos) * 28, y: y, "text-anchor": cos > 0 ? "start" : "end", "dominant-baseline": "central" }
      : { x, y: y + (order.length > 2 && sin < 0 ? -1 : 1) * 1.5 * text, "text-anchor": "middle", "dominant-baseline": "central" };
    places.set(name, { x, y, label });
  });
  return places;
}

/** A line from a to b. If both kinds have passed there are two, side by side: open ones bow away from the middle. */
function curveOf(a, b, pair, mode, middle) {
  const self = pair.a === pair.b, [dx, dy] = [b.x - a.x, b.y - a.y], far = Math.hypot(dx, dy) || 1;
  const half = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, normal = { x: dy / far, y: -dx / far };
  const out = (half.x - middle.x) * normal.x + (half.y - middle.y) * normal.y;
  const across = Math.abs(out) < 1, side = out < 0 ? -1 : 1;
  const both = pair.open > 0 && pair.sealed > 0;
  const bend = order.length > 6 ? 0.2 : 0.5;
  const bow = both ? (mode === "open" ? bend : across ? -bend : 0) * side * Math.min(far, 1.2 * middle.y) : 0;
  const c = self
    ? { x: a.x + 60, y: a.y - (mode === "open" ? 90 : 60) }
    : { x: half.x + normal.x * bow, y: half.y + normal.y * bow };
  const end = self ? { x: a.x - 4, y: a.y } : b;
  const mix = (t, p, q, r) => (1 - t) ** 2 * p + 2 * t * (1 - t) * q + t ** 2 * r;
  return { d: `M${a.x} ${a.y} Q${c.x} ${c.y} ${end.x} ${end.y}`, at: (t) => [mix(t, a.x, c.x, end.x), mix(t, a.y, c.y, end.y)] };
}

const wide = (count) => 2 + Math.min(12, 1.5 * Math.log2(1 + count));
const short = (name) => (name.length > 9 ? `${name.slice(0, 8)}…` : name);

function spoken(pairs) {
  if (pairs.length === 0) return "Nobody has written yet.";
  return pairs.slice(0, 5).map(({ a, b, open, sealed }) => `${a} and ${b}: ${open} open, ${sealed} sealed`).join("; ");
}

function legend(people, pairs) {
  const rest = people > DRAWN ? `The ${DRAWN} busiest of ${people} people. ` : "";
  show(byId("legend"), rest, pairs === 0 ? "" : [el("span", { class: "open" }, "□ open"), "  ", el("span", { class: "sealed" }, "■ sealed")]);
}

function table(pairs, unlisted) {
  const place = byId("pairs");
  if (!place.parentElement.open) return;
  const row = (tag, cells) => el("tr", {}, cells.map((cell) => el(tag, tag === "th" ? { scope: "col" } : {}, String(cell))));
  const rows = pairs.slice(0, ROWS).map(({ a, b, open, sealed, first, last }) => row("td", [a, b, open, sealed, time(first), time(last)]));
  const more = pairs.length > ROWS ? `and ${pairs.length - ROWS} more pairs` : "";
  const beyond = unlisted > 0 ? ` ${unlisted} messages of further pairs` : "";
  show(place, el("table", {}, el("thead", {}, row("th", ["who", "with", "open", "sealed", "first", "latest"])), el("tbody", {}, rows)), say(el("p"), more + beyond));
}
