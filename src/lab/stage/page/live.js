// The line to the stage's program: what it shows comes in as sections, what is asked of it goes out as acts.
//
// Question: what does a page do that was asleep, or whose program has gone?
// It asks again by itself (EventSource does), and the first thing it then gets is everything; so there is nothing to catch up
// with. A program that answers "not you" is another run: that page is over, and says what to open instead.
//
//   GET /events  → event: state   {"alice": …, "relay": …}      all, at the start
//                  event: alice   …                             then each section that changed
//   POST /act    ← {"do":"send","as":"alice","text":"hello"}

const SECTIONS = ["stage", "scene", "alice", "bob", "relay", "partner", "business", "thief", "attacks", "attack", "pages"];

/** Calls `changed(section, value)` for all that the program shows, and `line(text)` when the line breaks ("" when it is back). */
export function listen(changed, line) {
  const source = new EventSource("/events");
  source.addEventListener("state", (event) => {
    line("");
    for (const [section, value] of Object.entries(JSON.parse(event.data))) changed(section, value);
  });
  for (const section of SECTIONS) {
    source.addEventListener(section, (event) => changed(section, JSON.parse(event.data)));
  }
  source.addEventListener("error", () => {
    line(source.readyState === EventSource.CLOSED
      ? "This page belongs to an earlier run of the stage. Open the address that the program printed last."
      : "The stage does not answer. If its program has ended, start it again and open the address that it prints.");
  });
}

/** Asks for one act. Resolves to "" when it is done, or to the reason why it was not. */
export async function act(wish) {
  try {
    const answer = await fetch("/act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    });
    if (answer.ok) return "";
    if (answer.status === 401) return "This page belongs to an earlier run of the stage. Open the address that the program printed last.";
    return (await answer.json()).error;
  } catch {
    return "The stage does not answer; nothing was sent. Try again when it is back.";
  }
}
