// The page of the stage: ties the panes, the guide and the line to the program together.
//
//   live.js ──sections──► ends.js (Alice, Bob) · middle.js, business.js (relay, StreamCo, thief) · guide.js (tour, tools)
//                    │                                                                             └──► drawer.js (attacks)
//                                                                                        └──► view: which side of things is shown

import { business } from "/business.js";
import { byId, el, show } from "/dom.js";
import { drawer } from "/drawer.js";
import { end } from "/ends.js";
import { guide } from "/guide.js";
import { act, listen } from "/live.js";
import { partner, relay, thief } from "/middle.js";

const known = { scene: {}, stage: {}, pages: 1, thief: null };
const notices = new Map();
const middle = { relay: relay(), partner: partner(), thief: thief(), business: business() };
const person = (name, peer) => end(name, peer, (text) => tell("act", text, false), middle.relay.size);
const ends = { alice: person("alice", "Bob"), bob: person("bob", "Alice") };
const attacks = drawer((text) => tell("act", text, false));
let dismissed = 0;
let timer = null;

/** Shows, replaces or (with no text) takes away the notice of that kind. */
function tell(kind, text, alarm) {
  if (text) notices.set(kind, { text, alarm });
  else notices.delete(kind);
  show(byId("notices"), [...notices].map(([which, notice]) => {
    const close = el("button", { type: "button", "aria-label": "Dismiss" }, "×");
    close.addEventListener("click", () => {
      if (which === "news") dismissed = known.stage.notice?.n ?? 0;
      tell(which, "");
    });
    return el("p", { class: notice.alarm ? "notice alarm" : "notice" }, el("span", {}, notice.alarm ? `▲ ${notice.text}` : notice.text), close);
  }));
  if (kind === "act" && text) {
    clearTimeout(timer);
    timer = setTimeout(() => tell("act", ""), 8000);
  }
}

function setView(view) {
  for (const node of byId("views").children) node.setAttribute("aria-pressed", String(node.dataset.view === view));
  ends.alice.view(view);
  ends.bob.view(view);
}

/** The tour has moved: show what the step is about. */
function enter(step, done) {
  if (!done) for (const one of Object.values(ends)) one.mark();
  setView(step?.view ?? "messages");
  middle.business.view(step?.partner ?? "inbox");
  middle.relay.view(step?.relay === "tally", step?.relay === "alice" ? "alice" : null);
  for (const node of document.querySelectorAll(".pane")) node.classList.toggle("look", Boolean(done && step?.look.includes(node.id)));
  attacks.open(Boolean(done && step?.look.includes("drawer")));
  tell("act", "");
  // On a phone the panes stand below each other: bring the first one to look at into sight.
  if (done && step?.look[0] && matchMedia("(max-width: 800px)").matches) byId(step.look[0]).scrollIntoView({ block: "start" });
}

const stage = {
  scene: () => known.scene,
  thief: () => known.thief,
  end: (name) => ends[name].device() ?? { on: true },
  tell: (text) => tell("act", text, false),
};
const tour = guide(stage, enter);

const CHANGED = {
  alice: (value) => { ends.alice.update(value); tour.refresh(); },
  bob: (value) => { ends.bob.update(value); tour.refresh(); },
  relay: (value) => middle.relay.update(value),
  partner: (value) => middle.partner.update(value),
  business: (value) => middle.business.update(value),
  thief: (value) => { known.thief = value; middle.thief.update(value); middle.business.arrange(); tour.refresh(); },
  scene(value) {
    known.scene = value;
    for (const node of byId("modes").children) node.setAttribute("aria-pressed", String(node.dataset.mode === value.mode));
    document.body.dataset.mode = value.mode;
    middle.relay.up(value.relay_up);
    tour.refresh();
  },
  stage(value) {
    known.stage = value;
    tour.update(value);
    const { notice } = value;
    if (notice && notice.n > dismissed) tell("news", notice.text, notice.alarm);
    if (notice && !notice.alarm) setTimeout(() => { if (known.stage.notice?.n === notice.n) { dismissed = notice.n; tell("news", ""); } }, 6000);
  },
  attacks: attacks.list,
  attack: attacks.played,
  pages(count) {
    tell("pages", count > 1 ? `This page is open ${count} times; all of them show the same stage.` : "", false);
  },
};

byId("modes").addEventListener("click", async (event) => {
  const { mode } = event.target.dataset;
  if (mode) tell("act", await act({ do: "mode", mode }), false);
});
byId("views").addEventListener("click", (event) => {
  if (!event.target.dataset.view) return;
  attacks.open(false);
  setView(event.target.dataset.view);
});
byId("recommend").addEventListener("click", async () => tell("act", await act({ do: "recommend" }), false));
byId("reset").addEventListener("click", async () => tell("act", await act({ do: "reset" }), false));

setView("messages");
byId("attacks").addEventListener("click", () => attacks.open(byId("drawer").hidden));
listen((section, value) => CHANGED[section]?.(value), (text) => tell("line", text, true));
