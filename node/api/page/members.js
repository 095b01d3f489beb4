// Members: links, exclusions, scores, and the facts that make a score.

import { get } from "./api.js";
import { bar } from "./charts.js";
import { h, percent, pair, plural, put, said, short, table, when } from "./dom.js";

export async function members(place, signal) {
  const found = await get("/v1/members", signal);
  put(place, found, () => h("section", { class: "panel" },
    h("h1", null, "Members of ", found.federation),
    h("p", { class: "muted" }, found.facts
      ? `Scores as of ${when(found.as_of_ms)}, from ${plural(found.facts, "fact")}; half is neutral. Whoever holds the same facts has the same scores: set digest `
      : "Nothing is decided yet: every member counts as neutral. Set digest ",
      h("code", { title: found.digest }, short(found.digest)), "."),
    table("Members", [
      { head: "member", cell: (one) => h("a", { href: `#/members/${one.name}`, "data-key": one.name }, h("bdi", null, one.name)) },
      { head: "family", cell: (one) => said(one.family) },
      { head: "link", cell: link },
      { head: "domain", cell: (one) => one.row ? (one.row.domain ? said(one.row.domain) : "(none)") : "\u2013" },
      { head: "as author", cell: (one) => (one.row ? bar(one.row.author, true) : "\u2013") },
      { head: "as judge", cell: (one) => (one.row ? bar(one.row.judge, true) : "\u2013") },
      { head: "tasks", number: true, cell: (one) => one.row?.tasks ?? 0 },
      { head: "strikes", cell: strikes },
    ], found.members.flatMap((one) => (one.scores.length ? one.scores : [null]).map((row) => ({ ...one, row }))), { unseen: true })));
}

export async function member(place, name, signal) {
  const { member: one, facts, more, warnings } = await get(`/v1/members/${encodeURIComponent(name)}`, signal);
  put(place, [one, facts, more, warnings], () => [
    warnings.map((warning) => h("p", { class: "warning" }, h("b", null, `${warning.code}: `), said(warning.text))),
    h("section", { class: "panel" },
      h("p", { class: "crumbs" }, h("a", { href: "#/members", "data-key": "back" }, "Members")),
      h("h1", null, h("bdi", null, one.name), one.me ? h("small", null, " this node") : null),
      one.excluded ? h("p", { class: "warning" }, h("b", null, "Excluded: "), "it signed two different things for one slot. Evidence ", h("code", { title: one.evidence }, short(one.evidence))) : null,
      h("dl", { class: "facts" },
        pair("family", said(one.family)), pair("address", one.address), pair("link", link(one)),
        pair("key", h("code", { class: "long" }, one.key)),
        one.link && Object.keys(one.link.refused).length
          ? pair("refused of it", Object.entries(one.link.refused).map(([code, count]) => `${count} ${code}`).join(", ")) : null),
      one.scores.map((row) => h("div", { class: "score" }, h("span", { class: "muted" }, row.domain ? said(row.domain) : "(no domain)"),
        h("span", null, "author ", bar(row.author, true)), h("span", null, "judge ", bar(row.judge, true))))),
    h("section", { class: "panel" },
      h("h2", null, "Facts behind the score", h("small", null, ` the newest first${more ? `, ${more} older not shown` : ""}`)),
      facts.length ? table("Facts behind the score", [
        { head: "task", cell: (fact) => h("a", { href: `#/d/${fact.task}`, "data-key": fact.task }, h("code", null, short(fact.task))) },
        { head: "opened", cell: (fact) => when(fact.opened_at_ms) },
        { head: "drafted", cell: (fact) => (fact.answer === null ? "\u2013" : said(fact.answer)) },
        { head: "won", cell: (fact) => (fact.winner === null ? "\u2013" : said(fact.winner)) },
        { head: "author", number: true, cell: (fact) => both(fact.author) },
        { head: "judge", number: true, cell: (fact) => both(fact.judge) },
        { head: "left", number: true, cell: (fact) => percent(fact.left, 0) },
        { head: "because", cell: (fact) => fact.why.join("; ") || "\u2013" },
      ], facts, { unseen: true }) : h("p", { class: "muted" }, "None yet.")),
  ]);
}

const both = ([good, bad]) => (good || bad ? `+${good.toFixed(2)} \u2212${bad.toFixed(2)}` : "0");

function link(one) {
  if (one.me) return h("span", { class: "muted" }, "this node");
  if (!one.link) return "\u2013";
  if (!one.link.up) return h("span", { class: "down" }, `\u25cb down${one.link.end ? `: ${one.link.end.replaceAll("_", " ")}` : ""}`);
  return h("span", { class: "up" }, h("b", { "aria-hidden": "true" }, "\u25cf"), " up", one.link.rtt_ms === null ? null : ` ${one.link.rtt_ms} ms`,
    one.link.federation_differs ? h("span", { class: "down" }, ", another federation file") : null);
}

function strikes(one) {
  if (one.excluded) return h("span", { class: "down" }, "excluded");
  const found = Object.entries(one.row?.strikes ?? {});
  return found.length ? found.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", ") : "\u2013";
}
