// The node's API: the key in a header of every request, events by a stream that goes on where it
// was cut off. Nothing here asks any other host.

const KEPT = "quorate-key";
const WAITS = [500, 1000, 2000, 5000, 10000];

export class ApiProblem extends Error {
  constructor(status, message, after) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

/** The node did not answer at all. */
export class Away extends Error {}

let asking = null;

function headers(more) {
  const key = sessionStorage.getItem(KEPT);
  return key === null ? { ...more } : { ...more, authorization: `Bearer ${key}` };
}

/** Ask for a key once, however many requests found that one is needed. */
function askForKey(problem) {
  asking ??= new Promise((done) => {
    const dialog = document.getElementById("ask-key");
    const form = document.getElementById("key-form");
    const field = document.getElementById("key");
    document.getElementById("key-problem").textContent = problem;
    const take = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEPT, field.value.trim());
      field.value = "";
      form.removeEventListener("submit", take);
      dialog.close();
      asking = null;
      done();
    };
    form.addEventListener("submit", take);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    if (!dialog.open) dialog.showModal();
  });
  return asking;
}

async function sent(path, options) {
  for (;;) {
    let reply;
    try {
      reply = await fetch(path, { ...options, headers: headers(options.headers), cache: "no-store" });
    } catch (problem) {
      throw problem.name === "AbortError" ? problem : new Away("this node cannot be reached");
    }
    const lacks = reply.status === 403 ? await lacking(reply.clone()) : "";
    if (reply.status !== 401 && !lacks) return reply;
    const had = sessionStorage.getItem(KEPT) !== null;
    await askForKey(lacks || (had ? "That key is not known here, or was revoked." : ""));
  }
}

/** What a key lacks that may not do what it was sent for, or "": another one may. */
async function lacking(reply) {
  try {
    const { code, message } = (await reply.json()).error;
    return code === "missing_scope" ? message : "";
  } catch {
    return "";
  }
}

async function checked(reply) {
  if (reply.ok) return reply;
  let message = `${reply.status} ${reply.statusText}`;
  try {
    message = (await reply.json()).error.message;
  } catch {
    // Not this node's own words: the status says it.
  }
  throw new ApiProblem(reply.status, message, Number(reply.headers.get("retry-after") ?? 0) * 1000);
}

export const get = async (path, signal) => (await checked(await sent(path, { signal }))).json();
export const post = async (path) => (await checked(await sent(path, { method: "POST" }))).json();
export const file = async (path) => (await checked(await sent(path, {}))).blob();

export const pause = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
  });

/** Follows a task's events until its last one, or until `signal`. A cut stream is taken up again. */
export async function follow(task, signal, tell) {
  let last = "";
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      const reply = await sent(`/v1/deliberations/${task}/events`, {
        signal,
        headers: last ? { "last-event-id": last } : {},
      });
      if (reply.status === 204) return;
      await checked(reply);
      for await (const { id, data } of events(reply.body)) {
        tries = 0;
        last = id;
        try {
          tell(data);
        } catch (problem) {
          reportError(problem); // a fault of the page's own, and none of the stream's
        }
        if (id === "end" || ["withheld", "expired", "abandoned", "unknown"].includes(data.kind)) return;
      }
    } catch (problem) {
      if (signal.aborted) return;
      if (problem instanceof ApiProblem && [403, 404].includes(problem.status)) throw problem;
    }
    await pause(WAITS[Math.min(tries, WAITS.length - 1)], signal);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const found = { id: "", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("id: ")) found.id = line.slice(4);
        if (line.startsWith("data: ")) found.data += line.slice(6);
      }
      if (found.data) yield { id: found.id, data: JSON.parse(found.data) };
    }
  }
}
