// The tally on the page: the relay's summary, and every sighting after it. No element is touched here.
//
// Question: how do the panes agree on the numbers, however late the page came?
// The summary counts everything up to `last`. A row with a higher number is added, a row with a lower one is in it already.
// Memory is bounded: beyond the limits messages count in the totals only, as at the relay.

const PAIRS = 2000;
const SIZES = 500;

/** "open" or "sealed": what a row is to the middle. */
export const modeOf = (row) => (row.seen.mode === "sealed" ? "sealed" : "open");

const by = (p, q) => (p < q ? -1 : p > q ? 1 : 0);

export class Tally {
  constructor() {
    this.reset({ last: 0, first_at: 0, last_at: 0, open: {}, sealed: {}, pairs: [], unlisted: 0 });
  }

  /** Starts from the relay's summary. */
  reset({ last, first_at, last_at, open, sealed, pairs, unlisted }) {
    Object.assign(this, { last, first_at, last_at, unlisted });
    const mode = ({ messages = 0, bytes = 0, sizes = {} }) =>
      ({ messages, bytes, sizes: new Map(Object.entries(sizes).map(([size, count]) => [Number(size), count])) });
    this.open = mode(open);
    this.sealed = mode(sealed);
    this.directed = new Map(pairs.map((pair) => [`${pair.from} ${pair.to}`, pair]));
  }

  /** Counts a row; false if the summary has counted it. */
  add(row) {
    if (row.n <= this.last) return false;
    if (this.last === 0) this.first_at = row.at;
    this.last = row.n;
    this.last_at = row.at;
    const name = modeOf(row), mode = this[name], sizes = mode.sizes;
    mode.messages += 1;
    mode.bytes += row.size;
    if (sizes.has(row.size) || sizes.size < SIZES) sizes.set(row.size, (sizes.get(row.size) ?? 0) + 1);
    const key = `${row.from} ${row.to}`;
    let pair = this.directed.get(key);
    if (!pair && this.directed.size < PAIRS) {
      pair = { from: row.from, to: row.to, open: 0, sealed: 0, first: row.at, last: row.at };
      this.directed.set(key, pair);
    }
    if (!pair) this.unlisted += 1;
    else { pair[name] += 1; pair.last = row.at; }
    return true;
  }

  get messages() {
    return this.open.messages + this.sealed.messages;
  }

  /** Pairs without direction, the busiest first: { a, b, open, sealed, first, last }. */
  pairs() {
    const both = new Map();
    for (const { from, to, open, sealed, first, last } of this.directed.values()) {
      const [a, b] = from < to ? [from, to] : [to, from];
      const pair = both.get(`${a} ${b}`) ?? { a, b, open: 0, sealed: 0, first: Infinity, last: 0 };
      pair.open += open;
      pair.sealed += sealed;
      pair.first = Math.min(pair.first, first);
      pair.last = Math.max(pair.last, last);
      both.set(`${a} ${b}`, pair);
    }
    return [...both.values()].sort((p, q) => q.open + q.sealed - p.open - p.sealed || by(p.a, q.a) || by(p.b, q.b));
  }

  /** Everybody's name and how many messages they wrote or got, the busiest first. */
  people() {
    const count = new Map();
    for (const { from, to, open, sealed } of this.directed.values()) {
      for (const name of from === to ? [from] : [from, to]) count.set(name, (count.get(name) ?? 0) + open + sealed);
    }
    return [...count].map(([name, messages]) => ({ name, messages })).sort((p, q) => q.messages - p.messages || by(p.name, q.name));
  }
}
