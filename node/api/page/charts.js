// Figures as pictures. Every picture stands beside a table that says the same in words.

import { h, percent, s, said, signed, table } from "./dom.js";

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);

/** Voters by drafts. What does not count, a voter's word on its own work, is hatched. */
export function matrix(data, policy) {
  if (!data.rows.length) return h("p", { class: "muted" }, "No ballot counted.");
  const mask = policy.mask === "class" ? "its own answer" : "its own draft";
  return h(
    "figure",
    null,
    h(
      "div",
      { class: "scroll", role: "region", tabindex: 0, "aria-label": "Vote matrix", "data-key": "matrix" },
      h(
        "table",
        { class: "matrix" },
        h("caption", { class: "unseen" }, `Vote matrix: a row a voter, a column a draft. Masked: ${mask}.`),
        h(
          "thead",
          null,
          h("tr", null, h("th", { scope: "col", class: "corner" }, "voter \\ draft of"),
            data.authors.map((author, at) =>
              h("th", { scope: "col" }, h("bdi", null, author), h("small", null, said(cut(data.answers[at], 18)))))),
        ),
        h("tbody", null, data.rows.map((row) =>
          h("tr", null, h("th", { scope: "row" }, h("bdi", null, row.voter)), row.cells.map(cell)))),
      ),
    ),
    h(
      "figcaption",
      { class: "legend" },
      h("span", { class: "swatch plus" }), "for ",
      h("span", { class: "swatch minus" }), "against ",
      h("span", { class: "swatch masked" }), `masked: nobody judges ${mask}. `,
      "Large: the mark, \u22121 to 1. Small: comparisons won.",
    ),
  );
}

function cell(one) {
  if (one.masked) return h("td", { class: "masked" }, h("span", { class: "unseen" }, "masked"));
  if (one.endorsement === null && one.wins === null) {
    return h("td", { class: "none" }, "\u00b7", h("span", { class: "unseen" }, "nothing said"));
  }
  const mark = one.endorsement;
  const side = mark === null || mark === 0 ? "zero" : mark > 0 ? "plus" : "minus";
  return h(
    "td",
    { class: `vote ${side}`, vars: { much: Math.abs(mark ?? 0).toFixed(2) } },
    h("b", null, mark === null ? "\u2013" : signed(mark)),
    h("small", null, one.wins === null ? "\u2013" : percent(one.wins, 0)),
  );
}

/** Bradley-Terry strengths with one standard error, which is of the logarithm, to both sides. */
export function strengths(standings) {
  const row = 30, left = 118, right = 14, width = 420;
  const height = standings.length * row + 26;
  const x = (share) => left + share * (width - left - right);
  const low = (one) => one.strength * Math.exp(-one.error);
  const high = (one) => Math.min(1, one.strength * Math.exp(one.error));
  const picture = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img",
      "aria-label": "Strengths of the answers with error bars; the table beside says the same" },
    [0, 0.25, 0.5, 0.75, 1].map((at) => [
      s("line", { class: "grid", x1: x(at), x2: x(at), y1: 4, y2: height - 20 }),
      s("text", { class: "tick", x: x(at), y: height - 6, "text-anchor": "middle" }, percent(at, 0)),
    ]),
    standings.map((one, at) => {
      const y = 4 + row * at + row / 2;
      return s(
        "g",
        { class: at === 0 ? "first" : "other" },
        s("text", { class: "label", x: left - 10, y: y + 4, "text-anchor": "end" }, cut(one.answer, 18)),
        s("line", { class: "error", x1: x(low(one)), x2: x(high(one)), y1: y, y2: y }),
        s("line", { class: "error", x1: x(low(one)), x2: x(low(one)), y1: y - 4, y2: y + 4 }),
        s("line", { class: "error", x1: x(high(one)), x2: x(high(one)), y1: y - 4, y2: y + 4 }),
        s("circle", { class: "dot", cx: x(one.strength), cy: y, r: 4.5 }),
      );
    }),
  );
  return [
    h("figure", null, picture),
    table("Standings", [
      { head: "answer", cell: (one) => said(cut(one.answer, 80)) },
      { head: "by", cell: (one) => one.members.join(", ") },
      { head: "belief", number: true, cell: (one) => percent(one.belief) },
      { head: "strength", number: true, cell: (one) => percent(one.strength) },
      { head: "\u00b1 nats", number: true, cell: (one) => one.error.toFixed(2) },
      { head: "support", number: true, cell: (one) => signed(one.support) },
      { head: "drafts", number: true, cell: (one) => one.votes },
    ], standings, { unseen: true }),
  ];
}

const LINES = [
  ["belief", "belief in the winner", (one) => one.belief],
  ["entropy", "entropy", (one) => one.signals.entropy],
  ["divergence", "disagreement", (one) => one.signals.divergence],
];

/** Belief, entropy and disagreement over the rounds, and where the plateau was found. */
export function course(rounds, most) {
  const width = 420, height = 190, left = 40, right = 16, top = 22, bottom = 26;
  const last = Math.max(most, rounds.length, 2);
  const x = (round) => left + ((round - 1) / (last - 1)) * (width - left - right);
  const y = (share) => top + (1 - share) * (height - top - bottom);
  const stop = rounds.find((one) => one.reason !== null);
  const ends = stop && x(stop.round) > width * 0.7 ? "end" : "start";
  const picture = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img",
      "aria-label": "Belief, entropy and disagreement by round; the table beside says the same" },
    [0, 0.5, 1].map((at) => [
      s("line", { class: "grid", x1: left, x2: width - right, y1: y(at), y2: y(at) }),
      s("text", { class: "tick", x: left - 6, y: y(at) + 4, "text-anchor": "end" }, percent(at, 0)),
    ]),
    Array.from({ length: last }, (_, at) =>
      s("text", { class: "tick", x: x(at + 1), y: height - 8, "text-anchor": "middle" }, `R${at + 1}`)),
    stop && [
      s("line", { class: "stop", x1: x(stop.round), x2: x(stop.round), y1: top - 6, y2: height - bottom }),
      s("text", { class: "stop-label", x: x(stop.round) + (ends === "end" ? -5 : 5), y: top - 9, "text-anchor": ends },
        `stopped: ${stop.reason.replaceAll("_", " ")}`),
    ],
    LINES.map(([name, , of]) => [
      s("polyline", { class: `line ${name}`, points: rounds.map((one) => `${x(one.round)},${y(of(one))}`).join(" ") }),
      rounds.map((one) => s("circle", { class: `point ${name}`, cx: x(one.round), cy: y(of(one)), r: 3.2 })),
    ]),
  );
  const legend = h("figcaption", { class: "legend" }, LINES.map(([name, text]) => [
    s("svg", { viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
      s("line", { class: `line ${name}`, x1: 0, x2: 22, y1: 4, y2: 4 })),
    ` ${text} `,
  ]));
  return [
    h("figure", null, picture, legend),
    table("By round", [
      { head: "round", cell: (one) => one.round },
      { head: "winner", cell: (one) => (one.winner === null ? "none" : said(cut(one.winner, 40))) },
      { head: "belief", number: true, cell: (one) => percent(one.belief) },
      { head: "entropy", number: true, cell: (one) => one.signals.entropy.toFixed(3) },
      { head: "disagr.", number: true, cell: (one) => one.signals.divergence.toFixed(3) },
      { head: "flat", number: true, cell: (one) => one.signals.flat },
      { head: "then", cell: (one) => (one.reason === null ? "another round" : `stop: ${one.reason.replaceAll("_", " ")}`) },
    ], rounds, { unseen: true }),
  ];
}

/** A share as a bar with its figure. */
export const bar = (share, mid = false) =>
  h("span", { class: mid ? "meter mid" : "meter", vars: { share: share.toFixed(4) } },
    h("span", { class: "figure" }, percent(share)), h("span", { class: "track", "aria-hidden": "true" }));
