// The page: which part is shown (by the address after #), and what is asked anew every so often.

import { ApiProblem, Away, pause } from "./api.js";
import { DeliberationView } from "./deliberation.js";
import { h } from "./dom.js";
import { List } from "./list.js";
import { member, members } from "./members.js";
import { health, node } from "./node.js";

const EVERY_MS = 3000;

const main = document.getElementById("main");
const side = h("div", { class: "pane list" });
const body = h("div", { class: "pane body" });
main.append(side, body);

let chosen = "";
let current = { stop() {}, refresh: null };
const list = new List(side, () => chosen);

const ROUTES = [
  [/^#\/d\/([0-9a-f]{64})$/, "deliberations", (task) => {
    chosen = task;
    const view = new DeliberationView(body, task);
    view.run();
    return { stop: () => view.stop(), refresh: null };
  }],
  [/^#\/members$/, "members", () => refreshed((signal) => members(body, signal))],
  [/^#\/members\/([A-Za-z0-9._-]{1,64})$/, "members", (name) => refreshed((signal) => member(body, name, signal))],
  [/^#\/node$/, "node", () => refreshed((signal) => node(body, signal))],
  [/^/, "deliberations", () => {
    body.replaceChildren(h("p", { class: "muted empty" }, "Choose a deliberation to see who said what, and why it was decided so."));
    return { stop() {}, refresh: null };
  }],
];

function refreshed(ask) {
  const over = new AbortController();
  return { stop: () => over.abort(), refresh: () => ask(over.signal) };
}

async function show() {
  current.stop();
  chosen = "";
  const [pattern, section, open] = ROUTES.find(([one]) => one.test(location.hash));
  delete body.dataset.stamp;
  body.replaceChildren();
  document.body.dataset.section = section;
  document.body.dataset.detail = String(section !== "deliberations" || location.hash.startsWith("#/d/"));
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.section === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  current = open(pattern.exec(location.hash)[1]);
  list.draw();
  await tried(current.refresh);
}

/** Asks, and says what went wrong where nothing is shown yet; milliseconds to wait at least. */
async function tried(ask) {
  try {
    if (ask) await ask();
    return 0;
  } catch (problem) {
    if (problem.name === "AbortError") return 0;
    if (!(problem instanceof ApiProblem || problem instanceof Away)) reportError(problem);
    else if (!body.hasChildNodes()) body.replaceChildren(h("p", { class: "panel problem", role: "alert" }, problem.message));
    return problem.after ?? 0;
  }
}

/** This node's health; a node that does not answer at all is said to be away. */
async function reached() {
  try {
    await health(document.getElementById("health"));
    document.body.classList.remove("away");
  } catch (problem) {
    document.body.classList.toggle("away", problem instanceof Away);
    throw problem;
  }
}

async function forever() {
  for (;;) {
    let wait = EVERY_MS;
    if (document.visibilityState === "visible") {
      wait = Math.max(wait, await tried(reached));
      wait = Math.max(wait, await tried(() => list.refresh()));
      wait = Math.max(wait, await tried(current.refresh));
    }
    await pause(wait);
  }
}

addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("decided", () => tried(() => list.refresh()));
show();
forever();
