// The guide: a tour that one key plays from beginning to end, and free play with every tool in reach.
//
// Question: what does a lecturer need who has one hand free?
// One key. → asks the room, → again does it and says what is to be seen, → goes on; ← goes back. Where the tour stands is kept by
// the stage's program, not by this page: a page that is reloaded, or a second one, stands at the same place.
//
//   step n: say and predict ──→──► step n: done, seen ──→──► step n + 1: say and predict

import { byId, el, show } from "/dom.js";
import { act } from "/live.js";
import { TOUR } from "/tour.js";

const TAG = /\[(alleged|denied|conceded)\]\s*/;

/** The text as nodes, with its tags. */
function tagged(text) {
  return text.split(TAG).map((part, place) => (place % 2 === 1 ? el("span", { class: "tag" }, part) : part));
}

/** `stage` tells what is known: { scene(), end(name), tell(text) }. `enter(step, done)` is called wherever the tour goes. */
export function guide(stage, enter) {
  const dock = byId("guide");
  const [top, words] = [el("div", { class: "top" }), el("div", { class: "words", "aria-live": "polite" })];
  show(dock, top, words);
  let at = { step: 0, done: false };
  let running = false;
  let drawn = "";

  const step = () => TOUR[at.step - 1];
  const go = (to, done) => act({ do: "step", to, done }).then(report);
  const report = (error) => { if (error) stage.tell(error); return !error; };

  /** Does what the step asks for. A swapped key or a device that is off would get in the way: that is put right first. */
  async function play() {
    if (running) return;
    running = true;
    draw();
    const acts = [...step().acts];
    if (acts.length === 0) return finish(true);
    if (stage.scene().swapped) acts.unshift({ do: "reset" });
    else for (const who of ["alice", "bob"]) if (!stage.end(who).on) acts.unshift({ do: "power", as: who, on: true });
    if (stage.thief() && !acts.some((wish) => wish.do === "steal")) acts.unshift({ do: "forget" });
    let good = true;
    for (const wish of acts) good = good && report(await act(wish));
    return finish(good);
  }

  async function finish(good) {
    if (good) await go(at.step, true);
    running = false;
    draw();
  }

  /** From the last step to free play, with everything fresh. A thief does not stay on the stage. */
  async function forward() {
    if (at.step === 0) return;
    if (!at.done) return play();
    const last = at.step === TOUR.length;
    if (last && !report(await act({ do: "reset" }))) return;
    if (!last && stage.thief()) await act({ do: "forget" });
    return go(last ? 0 : at.step + 1, false);
  }

  function back() {
    if (at.step === 0 || running) return;
    if (at.done) return go(at.step, false);
    if (at.step > 1) return go(at.step - 1, true);
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input, select");
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || (field && (field.tagName === "SELECT" || field.value))) return;
    if (event.key.startsWith("Page") && event.target.closest?.("[role=log], .view")) return;
    if (event.key === "ArrowRight" || event.key === "PageDown") { event.preventDefault(); forward(); }
    if (event.key === "ArrowLeft" || event.key === "PageUp") { event.preventDefault(); back(); }
  });

  function button(word, press, attributes = {}) {
    const node = el("button", { type: "button", ...attributes }, word);
    node.addEventListener("click", press);
    return node;
  }

  /** Draws only what differs: a button that has the focus keeps it, a menu that is open stays open. */
  function draw() {
    const what = JSON.stringify([at, running, step() ? null : tools()]);
    if (what === drawn) return;
    drawn = what;
    const focus = dock.contains(document.activeElement) ? document.activeElement.dataset.what : null;
    dock.classList.toggle("free", at.step === 0);
    if (step()) drawStep();
    else show(top, ...tools().map(([word, go, ...wishes]) => tool(word, go, wishes))), show(words);
    if (focus) (top.querySelector(`[data-what="${focus}"]:enabled`) ?? top.querySelector(".go"))?.focus();
  }

  function drawStep() {
    const { title, say, predict, press, seen } = step();
    const chooser = el("select", { "aria-label": "Step of the tour", "data-what": "step" },
      TOUR.map((_, place) => el("option", { value: String(place + 1) }, `${place + 1} of ${TOUR.length}`)),
      el("option", { value: "0" }, "Free play"));
    chooser.value = String(at.step);
    chooser.addEventListener("change", () => go(Number(chooser.value), false));
    const next = at.done ? (at.step === TOUR.length ? "Start afresh →" : "Next →") : `${press} →`;
    show(top,
      el("h2", {}, title),
      button("←", back, { "aria-label": "Back", "data-what": "back", disabled: at.step === 1 && !at.done }),
      chooser,
      button(running ? "…" : next, forward, { class: "go", "data-what": "go", disabled: running }));
    show(words, at.done
      ? el("p", { class: "seen" }, el("b", { class: "cue" }, "What you see"), tagged(seen))
      : [el("p", {}, tagged(say)), el("p", { class: "predict" }, el("b", { class: "cue" }, "Predict"), tagged(predict))]);
  }

  /** What free play offers now: a word, the step of the tour to go to (or none), and acts. */
  function tools() {
    const power = (who, name) => {
      const { on } = stage.end(who);
      return [`${name}'s device ${on ? "off" : "on"}`, null, { do: "power", as: who, on: !on }];
    };
    return [
      ["Start the tour", 1, { do: "reset" }],
      ["Compare numbers", null, { do: "compare" }],
      ...(stage.end("alice").number?.changed
        ? [["Accept the new key", null, { do: "accept" }], ["Keep the old key", null, { do: "keep" }]]
        : [["Swap Bob's key", null, { do: "swap" }]]),
      stage.thief() ? ["Put the copy away", null, { do: "forget" }] : ["Copy Bob's keys", null, { do: "steal" }],
      power("alice", "Alice"),
      power("bob", "Bob"),
      ["Kill the relay", null, { do: "kill" }],
    ];
  }

  function tool(word, to, wishes) {
    return button(word, async () => {
      for (const wish of wishes) if (!report(await act(wish))) return;
      if (to !== null) go(to, false);
    }, { class: to === null ? "" : "go", "data-what": word });
  }

  return {
    update({ step: to, done }) {
      const moved = to !== at.step || done !== at.done;
      at = { step: to > TOUR.length ? 0 : to, done };
      draw();
      if (moved) enter(step(), done);
    },
    /** Something that the tools depend on may have changed. */
    refresh() { if (drawn) draw(); },
  };
}
