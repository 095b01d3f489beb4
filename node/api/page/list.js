// The deliberations beside whatever is shown: those that run, then the newest that have ended.

import { get } from "./api.js";
import { elapsed } from "./deliberation.js";
import { h, percent, put, said, when } from "./dom.js";

const PAGE = 30;

export class List {
  constructor(place, chosen) {
    this.place = place;
    this.chosen = chosen;
    this.shown = PAGE;
    this.found = [];
    this.next = null;
  }

  async refresh(signal) {
    const found = [];
    let after = "";
    do {
      const page = await get(`/v1/deliberations?limit=${PAGE}&after=${after}`, signal);
      found.push(...page.deliberations);
      after = page.next;
    } while (after && found.length < this.shown);
    this.found = found;
    this.next = after;
    this.draw();
  }

  draw() {
    const running = this.found.filter((one) => one.state === "running").length;
    put(this.place, [this.found, this.next, this.chosen(), running ? Math.floor(Date.now() / 1000) : 0], () => [
      h("h2", { class: "side" }, "Deliberations", h("small", null, running ? ` ${running} running` : "")),
      this.found.length
        ? h("ul", { class: "tasks" }, this.found.map((one) => this.item(one)))
        : h("p", { class: "muted empty" }, "None yet. Ask with ", h("code", null, "quorate ask"), ", an OpenAI client, or POST /v1/deliberations."),
      this.next ? h("button", { type: "button", "data-key": "more", on: { click: () => { this.shown += PAGE; this.refresh(); } } }, "Older ones") : null,
    ]);
  }

  item(one) {
    const current = this.chosen() === one.task;
    return h("li", null, h("a", { href: `#/d/${one.task}`, "data-key": one.task, "aria-current": current ? "page" : null },
      h("span", { class: "line" },
        h("span", { class: `pill ${one.state}` }, one.state === "running" ? `${one.phase} ${one.round ? `R${one.round}` : ""}` : one.state),
        h("span", { class: "muted number" }, one.state === "running" ? elapsed(one) : when(one.decided_at_ms ?? one.opened_at_ms))),
      h("span", { class: "ask" }, said(one.question)),
      one.state === "decided"
        ? h("span", { class: "line" }, h("b", { class: "clip" }, one.answer === null ? "no answer" : said(one.answer)),
            h("span", { class: "number" }, one.answer === null ? null : percent(one.probability)))
        : null,
      one.warnings.length ? h("span", { class: "codes" }, one.warnings.map((warning) => warning.code.replaceAll("_", " ")).join(", ")) : null));
  }
}
