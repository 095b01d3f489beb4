// One deliberation: who has done what while it runs, each round's figures once it has its outcome,
// and the verdict with its check.

import { ApiProblem, Away, file, follow, get, pause, post } from "./api.js";
import { bar, course, matrix, strengths } from "./charts.js";
import { announce, bytes, h, percent, pair, plural, put, said, short, span, table, when } from "./dom.js";

const STEPS = [["drafted", "drafted", "slate"], ["shown", "shown", ""], ["judged", "judged", "freeze"], ["opened", "opened", "outcome"]];
const OF_EVENT = { committed: "drafted", proposed: "shown", judged: "judged", opened: "opened" };
const PHASES = {
  opening: "waiting for members", draft: "drafting", slate: "agreeing on the drafts", exchange: "showing drafts",
  judge: "judging", freeze: "agreeing on the ballots", reveal: "opening", outcome: "agreeing on the outcome", done: "done",
};
const AGAIN_MS = 400;
const AWAY_MS = 1500;

export class DeliberationView {
  constructor(place, task) {
    this.task = task;
    this.over = new AbortController();
    this.data = null;
    this.live = new Map(); // round -> step -> members, as the events tell it
    this.events = [];
    this.round = null; // which round is shown; null: the newest
    this.check = null;
    this.open = new Set();
    this.parts = Object.fromEntries(
      ["head", "outcome", "stages", "matrix", "strengths", "course", "drafts", "costs", "log"]
        .map((name) => [name, h("section", { class: `panel ${name}`, hidden: true })]));
    const { head, outcome, stages, matrix: votes, strengths: ranked, course: run, drafts, costs, log } = this.parts;
    place.replaceChildren(h("div", { class: "deliberation" }, head, outcome,
      h("div", { class: "column" }, stages, run, drafts, log), h("div", { class: "column" }, votes, ranked, costs)));
    this.place = place;
  }

  async run() {
    try {
      await this.loaded();
      if (this.data.state !== "running") return;
      await follow(this.task, this.over.signal, (event) => this.tell(event));
      await this.loaded();
      dispatchEvent(new CustomEvent("decided"));
      const found = this.data.outcome;
      if (found) announce(`Decided: ${found.answer ?? "no answer"}, believed ${percent(found.probability)}`);
    } catch (problem) {
      if (this.over.signal.aborted) return;
      this.place.replaceChildren(h("p", { class: "panel problem", role: "alert" }, problem.message));
    }
  }

  stop() {
    this.over.abort();
    clearTimeout(this.waiting);
  }

  /** Load it, however long the node is away. */
  async loaded() {
    for (;;) {
      try {
        return await this.load();
      } catch (problem) {
        if (!(problem instanceof Away)) throw problem;
        await pause(AWAY_MS, this.over.signal);
      }
    }
  }

  async load() {
    this.data = await get(`/v1/deliberations/${this.task}`, this.over.signal);
    this.draw();
  }

  /** Ask for the whole anew soon, however many events say that it changed. */
  soon() {
    this.waiting ??= setTimeout(async () => {
      this.waiting = undefined;
      try {
        await this.load();
      } catch (problem) {
        // The next event asks again, and so does the end.
        const passing = problem instanceof ApiProblem || problem instanceof Away;
        if (!this.over.signal.aborted && !passing) throw problem;
      }
    }, AGAIN_MS);
  }

  tell(event) {
    this.events.push(event);
    const step = OF_EVENT[event.kind];
    if (step) {
      const steps = this.live.get(event.round) ?? new Map();
      steps.set(step, (steps.get(step) ?? new Set()).add(event.detail.member));
      this.live.set(event.round, steps);
    }
    if (["decided", "outcome", "verdict", "accepted", "view", "awaiting", "withheld", "noted", "expired", "abandoned"].includes(event.kind)) this.soon();
    if (event.kind === "outcome") announce(`Round ${event.round} has its outcome`);
    this.draw();
  }

  /** Who has done `step` in a round, by both of what is known. */
  who(round, step) {
    const held = this.data.steps.find((one) => one.round === round);
    return new Set([...(held?.[step] ?? []), ...(this.live.get(round)?.get(step) ?? [])]);
  }

  draw() {
    if (!this.data) return;
    const { rounds } = this.data;
    const last = Math.max(this.data.round, ...this.live.keys(), 1);
    const shown = Math.min(this.round ?? last, last);
    const decided = rounds.find((one) => one.round === shown) ?? (this.round === null ? rounds.at(-1) : undefined);
    const part = (name, stamp, make) => {
      const place = this.parts[name];
      place.hidden = stamp === null;
      if (stamp !== null) put(place, stamp, make);
    };
    const { outcome } = this.data;
    part("head", [this.data.state, this.data.phase, this.data.round, this.data.accepted, this.data.notes], () => this.head());
    part("outcome", outcome && [outcome, this.check], () => this.outcome());
    part("stages", [shown, last, this.data.state, STEPS.map(([step]) => [...this.who(shown, step)].sort()), this.data.steps], () => this.stages(shown, last));
    part("matrix", decided ? [decided.round] : null, () => [
      this.title("Votes", decided, shown), matrix(decided.matrix, this.data.policy)]);
    part("strengths", decided ? [decided.round] : null, () => [
      this.title("Strengths", decided, shown), strengths(decided.standings)]);
    part("course", rounds.length ? [rounds.length, rounds.at(-1).reason] : null, () => [
      h("h2", null, "Over the rounds"), course(rounds, this.data.policy.rounds)]);
    part("drafts", decided ? [decided.round, [...this.open]] : null, () => this.drafts(decided, shown));
    part("costs", outcome ? [1] : null, () => this.costs(outcome));
    part("log", this.events.length ? [this.events.length] : null, () => this.log());
  }

  title(text, decided, shown) {
    return h("h2", null, text, h("small", null, ` round ${decided.round}`,
      decided.round === shown ? null : ", the last with an outcome"));
  }

  head() {
    const { data } = this;
    const question = data.case.filter((part) => part.text);
    const running = data.state === "running";
    return [
      h("div", { class: "line" },
        h("span", { class: `pill ${data.state}` }, running ? PHASES[data.phase] ?? data.phase : data.state),
        h("span", { class: "muted" },
          running && data.round ? `round ${data.round} of at most ${data.policy.rounds} \u00b7 ` : null,
          `asked by ${data.opener}, ${when(data.opened_at_ms)}`)),
      h("h1", { class: "question" }, question.length ? said(question.at(-1).text) : "A case of numbers"),
      question.slice(0, -1).map((part) => h("p", { class: "muted" }, `${part.role}: `, said(part.text))),
      data.notes.map((note) => h("p", { class: "note" },
        h("b", null, `${note.by}, in the slate of round ${note.round}: `), said(note.text))),
      h("dl", { class: "facts" },
        pair("answer", data.asked.kind + (data.asked.unit ? ` in ${data.asked.unit}` : "")),
        data.asked.options.length ? pair("options", data.asked.options.map((one, at) => [at ? ", " : null, said(one)])) : null,
        pair("committee", `${data.members.length} members; ${data.tolerates}`),
        data.domain ? pair("domain", said(data.domain)) : null,
        pair("rule", `${data.policy.rule}, ${data.policy.pairs} pairs, ${data.policy.weights} weights`),
        pair("task", h("code", { title: data.task }, short(data.task)))),
    ];
  }

  outcome() {
    const found = this.data.outcome;
    return [
      h("h2", null, "Verdict ", h("code", { title: found.verdict }, short(found.verdict))),
      found.warnings.map((one) => h("p", { class: "warning" }, h("b", null, `${one.code.replaceAll("_", " ")}: `), said(one.text))),
      h("p", { class: "answer" }, found.answer === null ? `No answer: ${found.status.replaceAll("_", " ")}` : said(found.answer)),
      found.answer === null ? null : h("p", { class: "believed" }, h("span", { class: "muted" }, "believed"), bar(found.probability)),
      h("dl", { class: "facts" },
        pair("majority", found.majority === null ? "nothing" : said(found.majority)),
        pair("ended", `after ${plural(found.rounds, "round")}: ${found.why}`),
        found.dissent
          ? pair("dissent", [said(found.dissent.answer), ` by ${found.dissent.members.join(", ")}, believed ${percent(found.dissent.belief)}`,
              found.dissent.argument ? h("q", null, said(found.dissent.argument)) : null], "apart")
          : null),
      h("div", { class: "actions" },
        h("button", { class: "primary", type: "button", "data-key": "check", disabled: this.check?.busy,
          on: { click: () => this.runCheck() } }, this.check?.busy ? "Checking\u2026" : "Check every figure"),
        h("button", { type: "button", "data-key": "save", on: { click: () => this.save() } }, "Save the file")),
      this.check && !this.check.busy ? this.checked(this.check) : null,
    ];
  }

  async runCheck() {
    this.check = { busy: true };
    this.draw();
    try {
      this.check = await post(`/v1/verdicts/${this.data.outcome.verdict}/check`);
      announce(this.check.valid ? "The verdict holds: every step was checked" : "The verdict does not hold");
    } catch (problem) {
      this.check = { problem: problem.message };
    }
    this.draw();
    this.parts.outcome.querySelector("[data-key=check]")?.focus({ preventScroll: true });
  }

  checked(check) {
    if (check.problem) return h("p", { class: "problem", role: "alert" }, check.problem);
    const pinned = check.pinned ? `members and floors are those of ${check.federation}` : "nobody says whose members these are";
    return h("div", { class: "check" },
      h("p", { class: check.valid ? "holds" : "fails" }, h("b", null, check.valid ? "It holds. " : "It does not hold. "),
        `${plural(check.envelopes, "signed envelope")}, ${bytes(check.bytes)}; ${pinned}. `,
        h("span", { class: "muted" }, "This is this node's word: quorate verify checks the saved file anywhere.")),
      h("ol", { class: "steps" }, check.steps.map((step) =>
        h("li", { class: step.state.replaceAll(" ", "-") },
          h("span", { class: "mark", "aria-hidden": "true" }, { holds: "\u2713", fails: "\u2717" }[step.state] ?? "\u2013"),
          h("span", { class: "rule" }, step.rule),
          h("span", null, step.round ? `Round ${step.round}: ` : null, step.title,
            step.text ? h("b", null, ` \u2014 ${step.text}`) : null,
            step.message ? h("code", null, ` ${short(step.message)}`) : null),
          h("span", { class: "state" }, step.state)))));
  }

  async save() {
    const data = await file(`/v1/verdicts/${this.data.outcome.verdict}`);
    const link = h("a", { href: URL.createObjectURL(data), download: `verdict-${short(this.data.outcome.verdict)}.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  stages(shown, last) {
    const held = this.data.steps.find((one) => one.round === shown);
    const silent = new Map((held?.abstained ?? []).map((one) => [`${one.member} ${one.stage}`, one.reason]));
    const columns = STEPS.filter(([step]) => this.data.state === "running" || step !== "shown");
    const members = [...this.data.members].sort();
    const count = ([step]) => h("small", null, `${this.who(shown, step).size}/${members.length}`);
    return [
      h("div", { class: "line" },
        h("h2", null, "Stages"),
        last > 1 ? h("div", { class: "rounds", role: "group", "aria-label": "Round shown" },
          Array.from({ length: last }, (_, at) => h("button", {
            type: "button", "data-key": `round ${at + 1}`, "aria-pressed": String(at + 1 === shown),
            on: { click: () => { this.round = at + 1 === last && this.data.state === "running" ? null : at + 1; this.draw(); } },
          }, `R${at + 1}`))) : null),
      table(`Who has done what in round ${shown}`, [
        { head: "member", cell: (name) => h("bdi", null, name) },
        ...columns.map((column) => ({
          head: [column[1], " ", count(column)],
          cell: (name) => this.mark(shown, column[0], name, silent),
        })),
      ], members, { unseen: true, key: "stages" }),
      h("p", { class: "points" }, "agreed on: ",
        ["slate", "freeze", "outcome"].map((point) => {
          const there = held?.decided.includes(point);
          return h("span", { class: there ? "point there" : "point" }, `${there ? "\u2713" : "\u25cb"} ${point}`,
            h("span", { class: "unseen" }, there ? " (agreed)" : " (not yet)"), " ");
        }),
        held?.views ? h("span", { class: "muted" }, `${plural(held.views, "view")} lost`) : null),
    ];
  }

  mark(round, step, name, silent) {
    const reason = silent.get(`${name} ${{ drafted: "draft", judged: "judge" }[step] ?? ""}`);
    if (reason !== undefined) return h("span", { class: "mark none", title: reason }, "\u2013", h("span", { class: "unseen" }, `nothing: ${reason}`));
    const there = this.who(round, step).has(name);
    return h("span", { class: there ? "mark there" : "mark" }, there ? "\u25cf" : "\u25cb", h("span", { class: "unseen" }, there ? "done" : "not yet"));
  }

  drafts(decided, shown) {
    return [
      this.title("Drafts", decided, shown),
      decided.drafts.map((draft) => {
        const key = `draft ${draft.author}`;
        return h("details", { open: this.open.has(key), on: { toggle: (event) => {
          if (event.target.open) this.open.add(key); else this.open.delete(key);
        } } },
        h("summary", { "data-key": key }, h("bdi", { class: "who" }, draft.author), h("span", { class: "clip" }, said(draft.answer)),
          h("span", { class: "muted number" }, draft.confidence === null ? null : percent(draft.confidence, 0))),
        h("div", { class: "body" }, said(draft.answer, "p"), draft.rationale ? said(draft.rationale, "p") : h("p", { class: "muted" }, "No rationale.")));
      }),
      decided.strikes.map((one) => h("p", { class: "warning" }, h("b", null, one.member), `: ${one.reason.replaceAll("_", " ")}`)),
    ];
  }

  costs(outcome) {
    return [
      h("h2", null, "Cost"),
      outcome.costs.length ? table("What it cost each member by its own claim", [
        { head: "member", cell: (one) => h("bdi", null, one.member) },
        { head: "tokens", number: true, cell: (one) => one.tokens.toLocaleString() },
        { head: "USD", number: true, cell: (one) => one.usd.toFixed(6) },
      ], outcome.costs, { unseen: true }) : h("p", { class: "muted" }, "Nobody claims a cost."),
      outcome.faults.map((one) => h("p", { class: "warning" }, h("b", null, one.member), ` could not ${one.doing}: `, said(one.reason))),
    ];
  }

  log() {
    const told = this.events.slice(-60).reverse();
    return [
      h("h2", null, "As it came", h("small", null, ` ${plural(this.events.length, "event")}, the newest first`)),
      h("ol", { class: "events", tabindex: 0, "data-key": "log", "aria-label": "Events" }, told.map((event) =>
        h("li", null, h("span", { class: "muted number" }, event.round ? `R${event.round}` : "\u2013"),
          h("span", null, event.kind), h("bdi", { class: "muted" }, event.detail.member ?? event.detail.point ?? "")))),
    ];
  }
}


export function elapsed(brief) {
  const until = brief.decided_at_ms ?? Date.now();
  return span(until - brief.opened_at_ms);
}
