// This node's health: in one line of the header, and in full.

import { get } from "./api.js";
import { bytes, h, pair, put, said, short, span } from "./dom.js";

export async function health(place, signal) {
  const found = await get("/v1/node", signal);
  const well = found.up === found.members && found.whole && !found.twin && !found.stopping;
  put(place, [found.name, found.up, found.members, found.running, well], () => [
    h("span", { class: well ? "light well" : "light ill", "aria-hidden": "true" }),
    h("b", null, found.name), h("span", { class: "muted" }, ` ${found.federation} \u00b7 ${found.up}/${found.members} up \u00b7 ${found.running} running`),
    well ? null : h("span", { class: "unseen" }, " needs attention"),
  ]);
}

export async function node(place, signal) {
  const found = await get("/v1/node", signal);
  const refused = Object.entries(found.refused);
  put(place, { ...found, at: Math.floor(Date.now() / 5000) }, () => h("section", { class: "panel" },
    h("h1", null, "Node ", h("bdi", null, found.name)),
    found.stopping ? h("p", { class: "warning" }, "It is being stopped.") : null,
    found.twin ? h("p", { class: "warning" }, h("b", null, "A twin: "), `another process signs with this key; ${found.twin} messages seen`) : null,
    found.whole ? null : h("p", { class: "warning" }, "Its store is not its first: tasks from before are followed, not signed."),
    found.up < found.members ? h("p", { class: "warning" }, `${found.members - found.up} of ${found.members} members cannot be reached.`) : null,
    h("dl", { class: "facts wide" },
      pair("up for", span(Date.now() - found.since_ms)),
      pair("federation", `${found.federation}, epoch ${found.epoch}`),
      pair("members up", `${found.up} of ${found.members}`),
      pair("decided since", found.decided), pair("running", found.running),
      pair("model", [said(found.model.name), ` (${found.model.backend}), of the family `, said(found.model.family)]),
      pair("store", `${bytes(found.disk.used)}${found.disk.limit ? ` of ${bytes(found.disk.limit)}` : ""}`),
      pair("refused", refused.length ? refused.map(([code, count]) => `${count} ${code}`).join(", ") : "nothing"),
      pair("network", h("code", { title: found.network }, short(found.network))),
      pair("key", h("code", { class: "long" }, found.key)))));
}
