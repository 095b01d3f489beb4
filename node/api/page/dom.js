// Elements, and words for figures. Whatever a model, a client or a peer wrote becomes a text node
// and nothing else: there is no way in this file from a string to markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (name === "vars") {
      for (const [key, one] of Object.entries(value)) node.style.setProperty(`--${key}`, one);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** An HTML element. `on` are listeners, `vars` custom properties; other props are attributes. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element, alike. */
export const s = (tag, props, ...children) =>
  fill(document.createElementNS(SVG, tag), props, children);

/** What a model or a client wrote. */
export const said = (text, tag = "span") => h(tag, { class: "said", dir: "auto" }, text);

/** One entry of a list of facts. */
export const pair = (name, value, kind) => h("div", { class: kind }, h("dt", null, name), h("dd", null, value));

/** A table of figures. `columns` are {head, number, cell}; `cell` makes a cell's content of a row. */
export function table(caption, columns, rows, { unseen = false, key } = {}) {
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: 0, "data-key": key ?? caption },
    h(
      "table",
      null,
      h("caption", { class: unseen ? "unseen" : null }, caption),
      h(
        "thead",
        null,
        h("tr", null, columns.map((one) =>
          h("th", { scope: "col", class: one.number ? "number" : null }, one.head))),
      ),
      h(
        "tbody",
        null,
        rows.map((row) =>
          h("tr", null, columns.map((one, at) => {
            const props = { class: one.number ? "number" : null };
            return at === 0 ? h("th", { scope: "row", ...props }, one.cell(row)) : h("td", props, one.cell(row));
          }))),
      ),
    ),
  );
}

/** Puts fresh content into `place` unless nothing changed, and leaves the focus where it was. */
export function put(place, stamp, make) {
  const text = JSON.stringify(stamp);
  if (place.dataset.stamp === text) return;
  const active = document.activeElement;
  const key = place.contains(active) ? active.dataset.key : undefined;
  place.replaceChildren(...[make()].flat(Infinity).filter(Boolean));
  place.dataset.stamp = text;
  if (key !== undefined) {
    [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus({ preventScroll: true });
  }
}

export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)}\u202f%`;
export const signed = (share) => {
  const text = Math.abs(share).toFixed(2);
  if (Number(text) === 0) return text;
  return `${share < 0 ? "\u2212" : "+"}${text}`;
};
export const short = (id) => id.slice(0, 12);
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function when(ms) {
  if (!ms) return "\u2013";
  const at = new Date(ms);
  const day = at.toDateString() === new Date().toDateString();
  const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return day ? clock : `${at.toLocaleDateString()} ${clock}`;
}

export function span(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(count) {
  if (count < 1e3) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

/** Tells people who listen rather than look. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}
