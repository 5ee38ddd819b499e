// How pages put things on the screen: by making elements and inserting text, never by parsing it.
//
// Question: what could a message do to the page that shows it?
// Nothing, if its text only ever becomes a text node. So this file has no way to set HTML, no page assigns `innerHTML`, and
// attributes are only those of a short list: no handler (`on…`), no style, no address but one of this page.
//
//   el("li", { class: "open" }, el("b", {}, from), " ", text)      elements from the page's own code, text from anybody

const PLAIN = /^(class|id|role|type|for|name|value|placeholder|title|lang|dir|tabindex|hidden|disabled|maxlength|rows|autocomplete|spellcheck|scope|colspan|open|aria-[a-z]+|data-[a-z-]+)$/;
const SHAPE = /^(viewBox|d|x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|width|height|points|transform|fill|stroke|stroke-width|stroke-dasharray|text-anchor|dominant-baseline|opacity|preserveAspectRatio|marker-end|refX|refY|markerWidth|markerHeight|orient)$/;
const HERE = /^(#[\w-]*|\/(?!\/)[\w./-]*)$/;
const SVG = "http://www.w3.org/2000/svg";

/** Sets one attribute. `false`, `null` and `undefined` remove it, `true` sets it empty. */
export function attr(node, name, value) {
  const allowed = PLAIN.test(name) || SHAPE.test(name) || ((name === "href" || name === "src") && HERE.test(value));
  if (!allowed) throw new Error(`attribute ${name} is not one that pages set`);
  if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
  return node;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) attr(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A new element. Children are elements, or strings that become text. */
export function el(tag, attributes = {}, ...children) {
  if (/^(script|style|iframe|object|embed|link|meta|base)$/i.test(tag)) throw new Error(`${tag} is not made by pages`);
  return fill(document.createElement(tag), attributes, children);
}

/** A new SVG element. */
export function svg(tag, attributes = {}, ...children) {
  if (/^(script|style|foreignObject|use|image|animate|set)$/i.test(tag)) throw new Error(`${tag} is not made by pages`);
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Replaces what is in a node. Strings become text. */
export function show(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets a node's text, and leaves the document alone where it says so already. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/** The element of that id. It is an error of the page if there is none. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`no element #${id}`);
  return node;
}

/** The badge of a mode: sign, word and colour together. */
export function badge(mode) {
  const [sign, word] = mode === "sealed" ? ["■", "sealed"] : mode === "open" ? ["□", "open"] : ["▲", mode];
  return el("span", { class: `badge ${mode === "sealed" || mode === "open" ? mode : "alarm"}` }, `${sign} ${word}`);
}

/** Whether the person asked for less motion. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Calls `draw` once in the next frame, however often it is asked for before. */
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
}

/** A size as people say it. */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const [value, unit] = count < 1048576 ? [count / 1024, "KiB"] : [count / 1048576, "MiB"];
  return `${value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** The time of day of a moment in milliseconds since 1970, in this machine's zone. */
export function time(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}
