// A list that grows: only what is new or has changed is drawn, so that what stays does not flicker, and a screen reader hears
// each line once. The newest line is kept in sight, unless somebody has scrolled up to read.

const DRAWN = new WeakMap();
const AWAY = new WeakSet();
const RESIZED = new ResizeObserver((entries) => { for (const { target } of entries) if (!AWAY.has(target)) toEnd(target); });

/** Shows `items` in `list`. `key` names an item, `make` draws it. */
export function rows(list, items, key, make) {
  if (!DRAWN.has(list)) watch(list);
  const before = DRAWN.get(list) ?? new Map();
  const after = new Map();
  items.forEach((item, place) => {
    const name = key(item);
    const json = JSON.stringify(item);
    let drawn = before.get(name);
    if (drawn?.json !== json) {
      const node = make(item);
      if (!drawn && before.size > 0) node.classList.add("fresh");
      drawn?.node.replaceWith(node);
      drawn = { node, json };
    }
    after.set(name, drawn);
    if (list.children[place] !== drawn.node) list.insertBefore(drawn.node, list.children[place] ?? null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
  DRAWN.set(list, after);
  if (!AWAY.has(list)) toEnd(list);
}

function watch(list) {
  RESIZED.observe(list);
  list.addEventListener("scroll", () => {
    list.classList.toggle("more", list.scrollTop > 4);
    if (list.scrollHeight - list.scrollTop - list.clientHeight > 48) AWAY.add(list);
    else AWAY.delete(list);
  }, { passive: true });
}

function toEnd(list) {
  list.scrollTop = list.scrollHeight;
}
