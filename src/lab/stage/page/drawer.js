// The attack drawer: twelve attacks to choose from; the chosen one is played by the stage's program, and what came of it stands here
// side by side, the control that must lose and the real client: what Alice's device showed, what the attacker got, what Bob's showed.
//
//   list ──pick──► POST /act {"do":"attack","name":…} ──section "attack"──► what came of it ──"All attacks" or Esc──► list, stage

import { byId, el, show } from "/dom.js";
import { act } from "/live.js";

const ROWS = [
  ["Alice", "alice", (outcome) => shown(outcome.alice)],
  ["Attacker", "attacker", loot],
  ["Bob", "bob", (outcome) => shown(outcome.bob)],
];

/** The drawer. `tell` shows a notice. */
export function drawer(tell) {
  const [pane, panes, toggle] = [byId("drawer"), document.querySelector(".panes"), byId("attacks")];
  let [cards, lesson, choosing, playing] = [[], null, true, ""];

  function button(word, press, attributes = {}, ...more) {
    const node = el("button", { type: "button", ...attributes }, word, ...more);
    node.addEventListener("click", press);
    return node;
  }

  /** What came of it comes as a section: before the answer or after it. */
  async function play(name) {
    if (playing) return;
    playing = name;
    draw();
    const error = await act({ do: "attack", name });
    if (!error) return;
    playing = "";
    tell(error);
    draw();
    pane.querySelector(`[data-name="${name}"]`)?.focus();
  }

  function choose() {
    const name = lesson?.name;
    choosing = true;
    draw();
    (pane.querySelector(`[data-name="${name}"]`) ?? pane).focus();
  }

  function open(is) {
    if (pane.hidden === !is) return;
    pane.hidden = !is;
    panes.hidden = is;
    toggle.setAttribute("aria-expanded", String(is));
  }

  function leave() {
    open(false);
    toggle.focus();
  }

  pane.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (!choosing && lesson) choose();
    else leave();
  });

  function draw() {
    if (choosing || !lesson) show(pane, drawList());
    else show(pane, drawLesson());
  }

  function drawList() {
    return [
      el("header", {}, el("h2", { tabindex: "-1" }, "Attacks"), button("Back to the stage", leave)),
      el("p", {}, "Each is really played: against a control that must lose, then against the real client."),
      el("ol", { class: "cards" }, cards.map(({ name, title, wants }) => el("li", {},
        button(el("b", {}, playing === name ? `${title} …` : title), () => play(name), { "data-name": name, disabled: Boolean(playing) },
          el("span", { class: "quiet" }, wants))))),
    ];
  }

  function drawLesson() {
    const { title, name, story, control, patch, against_control: lost, against_real: real, holds } = lesson;
    const verdict = !holds ? ["alarm", "▲ does not hold"] : real.got.length > 0 ? ["sealed", "■ holds, within a limit"] : ["sealed", "■ holds"];
    const sides = [["real", "The real client", real, ...verdict]];
    if (lost) sides.unshift(["control", control, lost, "alarm", lost.taken ? "▲ taken" : "■ not taken"]);
    return [
      el("header", {},
        button("← All attacks", choose),
        el("h2", { tabindex: "-1" }, title),
        button(playing ? "…" : "Play again", () => play(name), { disabled: Boolean(playing) })),
      el("p", { class: "story" }, story),
      lost ? null : drawPatch(patch),
      el("table", { class: lost ? "sides" : "sides alone" },
        el("thead", {}, el("tr", {}, el("td", {}), sides.map(([side, of, , kind, word]) => el("th", { class: side, scope: "col" },
          el("span", {}, of), el("span", { class: `badge ${kind}` }, word))))),
        el("tbody", {}, ROWS.map(([who, row, lines]) => el("tr", {}, el("th", { scope: "row" }, who),
          sides.map(([side, of, outcome]) => cell(`${side} ${row}`, of, lines(outcome, side === "real" ? lesson.limit : ""))))))),
      el("dl", { class: "why" }, [
        ["What stops it", lesson.property], ["What it does not stop", lesson.limit], ["Source", lesson.source],
        ["In code", el("code", {}, `${lesson.file}, fn ${lesson.function}`)], ["At the prompt", el("code", {}, `blindrelay lab attack ${name}`)],
      ].flatMap(([word, what]) => [el("dt", {}, word), el("dd", {}, what)])),
    ];
  }

  return {
    open,
    list(value) { cards = value; draw(); },
    /** The attack that was played last, on this page or on another one. */
    played(value) {
      if (value?.n === lesson?.n) return;
      const asked = playing && playing === value?.name;
      lesson = value;
      choosing = !value;
      playing = "";
      draw();
      pane.scrollTop = 0;
      if (asked) pane.querySelector("h2").focus();
    },
  };
}

/** Where the twin has no such mechanism, the program itself is the control, with the defence cut out. */
function drawPatch(patch) {
  return el("p", { class: "patch" }, "The control is a patch: the naive twin has nothing of the kind. What loses is this program without the defence. ",
    el("code", {}, `tests/mutants/${patch}.patch`), " cuts it out, and the tests build that and see this attack succeed: ",
    el("code", {}, `tests/mutants/run ${patch}`), ".");
}

function cell(kind, of, lines) {
  return el("td", { class: lines.some((line) => line.className === "cry") ? `${kind} alarmed` : kind, "data-of": of }, el("ul", {}, lines));
}

function line(text) {
  return el("li", { class: text.includes("▲") ? "cry" : "" }, el("bdi", {}, text));
}

function shown(lines) {
  return lines.length > 0 ? lines.map(line) : [el("li", { class: "quiet" }, "shows nothing")];
}

function loot({ got, middle }, limit) {
  const nothing = [el("li", { class: "nothing" }, "■ got nothing")];
  const all = got.map((text) => el("li", { class: "loot" }, el("b", {}, "▲ got: "), el("bdi", {}, text)));
  const but = limit && got.length > 0 ? [el("li", { class: "limit" }, el("b", {}, "The limit: "), limit)] : [];
  return [...(got.length > 0 ? all : nothing), ...but, ...middle.map(line)];
}
