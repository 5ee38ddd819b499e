// A QR code: the stage's program sends its modules row by row, and here they become one path of an SVG.
//
// Dark on light whatever the page's colours are, with a quiet zone of four modules: that is what readers of codes expect.

import { svg } from "/dom.js";

const QUIET = 4;

/** The code of these rows (`"1101…"`, 1 is dark); null if there are none. */
export function code(rows, label) {
  if (!rows?.length) return null;
  const size = rows.length + 2 * QUIET;
  const runs = rows.flatMap((row, y) => [...row.matchAll(/1+/g)]
    .map((run) => `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h${-run[0].length}z`));
  return svg("svg", { class: "code", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label },
    svg("rect", { width: size, height: size, rx: 1 }), svg("path", { d: runs.join("") }));
}
