// Alice's and Bob's panes: what a device shows its owner. One view at a time, chosen for both, so that they can be compared.

import { badge, byId, el, say, show } from "/dom.js";
import { act } from "/live.js";
import { keys, number } from "/keys.js";
import { bar, legend, sizes } from "/padding.js";
import { rows } from "/rows.js";

const MARKS = { delivered: "✓", "at the relay": "… at the relay", "on its way": "… on its way", held: "▲ held", "refused by the relay": "▲ refused" };

/** One end. `tell` shows a notice; `carried` says how large the relay saw a message, by its id. */
export function end(name, peer, tell, carried) {
  const pane = byId(name);
  const [heading, view, form] = [pane.querySelector(".state"), pane.querySelector(".view"), pane.querySelector("form")];
  const input = form.querySelector("input");
  const log = el("ol", { class: "log", role: "log", "aria-label": `${name}'s messages`, tabindex: "0" });
  let device = null;
  let shown = "messages";
  let gone = 0;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value;
    input.value = "";
    const error = await act({ do: "send", as: name, text });
    if (!error) return;
    // What was not taken goes back, before what was typed meanwhile.
    input.value = text + input.value;
    tell(error);
  });
  input.addEventListener("input", () => { if (shown === "sizes") draw(); });

  function draw() {
    if (!device) return;
    const alarm = device.number?.changed;
    show(heading, alarm ? badge("alarm") : el("span", { class: "quiet" }, !device.on ? "device off" : device.online ? "holds keys" : "no relay"));
    pane.classList.toggle("off", !device.on);
    pane.classList.toggle("alarmed", Boolean(alarm));
    rows(log, device.log, (line) => (line.kind === "note" ? `note ${line.n}` : line.n), (line) => drawLine(line, openLink));
    if (shown === "messages") {
      if (view.firstChild !== log) show(view, log);
    } else if (shown === "keys") show(view, keys(device, gone));
    else if (shown === "number") show(view, number(device, peer));
    else show(view, drawSizes());
  }

  async function openLink() {
    const error = await act({ do: "open_link" });
    if (error) tell(error);
  }

  function drawSizes() {
    const said = device.log.filter((line) => line.kind === "said" && line.mine).slice(-3);
    const bars = said.map((line) => {
      const { head, least, most, seal } = device.padding;
      const usual = sizes(line.shown.bytes, { head, least, most, seal, handshake: 0 }).blob;
      const handshake = Math.max((carried(line.id) ?? usual) - usual, 0);
      return bar(`“${short(line.shown.text)}”`, line.shown.bytes, !line.sealed, { ...device.padding, handshake });
    });
    if (input.value) bars.push(bar("As typed", new TextEncoder().encode(input.value).length, device.mode === "open", device.padding));
    return bars.length > 0 ? [legend(), ...bars.slice(-3)] : [el("p", {}, "Type something, and see how it is filled up.")];
  }

  return {
    update(value) { device = value; draw(); },
    view(which) { shown = which; draw(); },
    device: () => device,
    /** Keys that are wiped from here on are "just now". */
    mark() { gone = device?.keys.gone ?? 0; },
    input,
  };
}

/** A link of StreamCo’s at the end of a text: who got it has a button for it. Nothing is opened unasked. */
const LINK = /^(.*): (http:\/\/127\.0\.0\.1:\d+\/r\/[\w-]{22})$/s;

function drawLine(line, openLink) {
  if (line.kind === "note") return el("li", { class: line.alarm ? "note alarm" : "note quiet" }, line.alarm ? `▲ ${line.text}` : line.text);
  const { text, cut, bytes } = line.shown;
  const link = LINK.exec(text);
  const open = link && !line.mine ? el("button", { type: "button", class: "open-link", title: link[2] }, "Open the link") : null;
  open?.addEventListener("click", openLink);
  const mark = line.mine ? MARKS[line.state] ?? "" : "";
  return el("li", { class: `said ${line.mine ? "mine" : "theirs"} ${line.sealed ? "was-sealed" : "was-open"}` },
    el("span", { class: "unseen" }, `${line.mine ? "sent" : "received"}, ${line.sealed ? "sealed" : "open"}: `),
    el("bdi", {}, link ? link[1] : text), open, link && line.mine ? el("span", { class: "quiet" }, " (with a link)") : null, cut ? el("span", { class: "quiet" }, ` … ${bytes} bytes in all`) : null,
    mark ? el("span", { class: "mark quiet" }, `\u00a0${mark}`) : null);
}

/** The beginning of a text, for a label. */
function short(text) {
  const letters = Array.from(text);
  return letters.length > 16 ? `${letters.slice(0, 15).join("")}…` : text;
}
