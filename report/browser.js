"use strict";
// The chain browser. All that a model wrote is set as text, never as markup; nothing is loaded from elsewhere.
(async () => {
  const LEAST = 1e-12; // a probability that underflowed must not make an infinite logarithm
  const FULL = 2; // nats at which the colour of a row is full
  const UNREADABLE = "unreadable";
  const WHOLE = "early_termination"; // its last cut is the whole chain

  const byId = (id) => document.getElementById(id);
  /** An element; texts among its children become text nodes. */
  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name in made && typeof value !== "string") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }
  /** What a model or a dataset wrote: in its own direction, whatever is around it. */
  const foreign = (text, tag = "bdi", attributes = {}) => make(tag, { dir: "auto", ...attributes }, text);
  const shown = (text) => (text.trim() === "" ? "(empty)" : text);
  const share = (p) => (p === null ? "–" : p > 0 && p < 0.005 ? "<0.01" : p.toFixed(2));
  const signed = (x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
  const log = (p) => Math.log(Math.max(p, LEAST));

  async function decode(block) {
    const bytes = Uint8Array.from(atob(block.textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  if (!("DecompressionStream" in window)) {
    byId("entry").replaceChildren(make("p", { class: "message" }, "This browser cannot unpack the chains: it is older than 2023."));
    return;
  }
  const index = await decode(byId("index"));
  const arms = index.arms.map((arm) => arm.name);
  // What is done to a chain. A row shows the effect of one step: compared with the whole chain if that step alone is
  // changed, else with the row before.
  const KINDS = Object.fromEntries(index.kinds.map((kind) => [kind.name, kind]));
  const kinds = Object.keys(KINDS);
  const pairPlace = (writer, reader) => index.pairs.findIndex(([w, r]) => w === writer && r === reader);
  const ownPairs = arms.map((arm) => pairPlace(arm, arm)).filter((place) => place >= 0);

  // --- blocks -----------------------------------------------------------------------------------

  const blocks = [...document.querySelectorAll("script.block")];
  const decoded = new Map();
  function block(place) {
    if (!decoded.has(place)) decoded.set(place, decode(blocks[place]).then((entries) => entries.map(unpacked)));
    return decoded.get(place);
  }
  /** A middle that is a number means as many last characters of the one before. */
  function unpacked(entry) {
    for (const chain of entry.chains.filter(Boolean)) {
      let before = "";
      chain.probes = chain.probes.map(([kind, cut, kept, middle, tail, rule, accepted, target]) => {
        before = typeof middle === "number" ? before.slice(-middle) : middle;
        return { kind, cut, kept, middle: before, tail, rule, accepted, target };
      });
    }
    return entry;
  }
  const details = async (place) =>
    (await block(Math.floor(place / index.block_entries)))[place % index.block_entries];

  // --- what is shown: always in the address -------------------------------------------------------

  const FIELDS = ["q", "pair", "correct", "flips", "decided", "gates", "sort"];
  const state = { item: "", sample: "0", kind: kinds[0] || "", reader: "", ...Object.fromEntries(FIELDS.map((name) => [name, ""])) };
  const initial = { ...state };
  const address = (changes) => {
    const wanted = Object.entries({ ...state, ...changes }).filter(([name, value]) => value !== initial[name]);
    return `#${new URLSearchParams(wanted)}`;
  };
  function readAddress() {
    const named = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(state)) state[name] = named.get(name) ?? initial[name];
    if (!kinds.includes(state.kind)) state.kind = initial.kind;
    if (!arms.includes(state.reader)) state.reader = "";
    for (const name of FIELDS) {
      const field = byId(name);
      field.value = state[name];
      if (field.value !== state[name]) field.value = state[name] = ""; // no such choice
    }
  }
  const same = (entry) => entry.item === state.item && String(entry.sample) === state.sample;

  // --- the list -----------------------------------------------------------------------------------

  const list = byId("list");
  let matching = []; // places of the entries in the list, in its order
  let chosen = -1;
  const rows = index.entries.map((entry, place) => {
    const marks = ownPairs.map((pair) => {
      const reading = entry.readings[pair];
      const arm = index.arms[arms.indexOf(index.pairs[pair][1])];
      return make("span", { class: "mark" }, swatch(arm), make("span", { class: "name-of-arm", title: arm.name }, arm.name), ...(reading ? markOf(reading) : ["no chain"]));
    });
    const link = make("a", { tabindex: "-1" },
      foreign(shown(entry.question), "bdi", { class: "question" }),
      make("span", { class: "marks" }, ...marks, index.several_samples ? make("span", {}, `sample ${entry.sample}`) : ""));
    link.dataset.place = place;
    return make("li", {}, link);
  });
  function swatch(arm) {
    const made = make("span", { class: "swatch", "aria-hidden": "true" });
    made.style.background = arm.colour;
    return made;
  }
  function markOf([answer, correct, , convergence, flips]) {
    const right = answer === null ? "? unreadable" : correct ? "✓ right" : "✗ wrong";
    const flipped = Object.values(flips).filter(Boolean).length;
    return [
      make("span", { title: "answer after the whole chain" }, right),
      convergence === null ? "" : make("span", { title: "share of the steps after which the answer no longer changes" }, ` · decided ${Math.round(100 * convergence)} %`),
      make("span", { title: "perturbations that flipped the answer" }, ` · ${flipped}/${Object.keys(flips).length} flips`),
    ];
  }

  /** Whether the gates of an arm's cell are open; a pair is where that of its tuned arms is. */
  const isOpen = (pair) => index.pairs[pair].filter((arm, _, both) => arm !== "base" || both.every((a) => a === "base"))
    .every((arm) => index.arms[arms.indexOf(arm)].open);
  function looksAt() {
    const pairs = state.pair === "" ? ownPairs : [Number(state.pair)];
    return state.gates === "" ? pairs : pairs.filter((pair) => isOpen(pair) === (state.gates === "open"));
  }
  function passes(reading) {
    const [answer, correct, , convergence, flips] = reading;
    const [wanted, kind] = state.flips.split(":");
    const values = kind ? [flips[kind]].filter((flip) => flip !== undefined) : Object.values(flips);
    return (state.correct === "" || state.correct === (answer === null ? UNREADABLE : correct ? "right" : "wrong"))
      && (state.flips === "" || (values.length > 0 && values.some(Boolean) === (wanted === "flipped")))
      && (state.decided === "" || (convergence !== null && (convergence <= 0.5) === (state.decided === "early")));
  }
  const SORTS = {
    early: (entry, pair) => at(entry, pair, 3),
    late: (entry, pair) => -at(entry, pair, 3),
    long: (entry, pair) => -at(entry, pair, 2),
    apart: (entry) => {
      const values = ownPairs.map((pair) => at(entry, pair, 3)).filter(Number.isFinite);
      return values.length ? Math.min(...values) - Math.max(...values) : NaN;
    },
  };
  const at = (entry, pair, fact) => entry.readings[pair]?.[fact] ?? NaN;

  let texts = null; // of all entries, for the search: made when first needed
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  async function searchable() {
    const all = (await Promise.all(blocks.map((_, place) => block(place)))).flat();
    return all.map((entry) => plain([
      entry.item, entry.question, entry.answer, ...(entry.options || []),
      ...entry.chains.filter(Boolean).flatMap((chain) => [chain.steps.join("") || chain.text, chain.conclusion]),
    ].join("\n")));
  }

  let searches = 0;
  async function fill() {
    const turn = ++searches;
    const words = plain(state.q).split(/\s+/).filter(Boolean);
    if (words.length && !texts) {
      byId("count").textContent = "Searching …";
      texts = await searchable();
    }
    if (turn !== searches) return; // another search has begun
    const pairs = looksAt();
    matching = [...index.entries.keys()].filter((place) => {
      const readings = pairs.map((pair) => index.entries[place].readings[pair]).filter(Boolean);
      return readings.some(passes) && words.every((word) => texts[place].includes(word));
    });
    const sorted = SORTS[state.sort];
    if (sorted) {
      const pair = state.pair === "" ? ownPairs[0] : Number(state.pair);
      const keys = new Map(matching.map((place) => [place, sorted(index.entries[place], pair)]));
      const last = (key) => (Number.isNaN(key) ? Infinity : key);
      matching.sort((a, b) => (last(keys.get(a)) === last(keys.get(b)) ? a - b : last(keys.get(a)) - last(keys.get(b))));
    } else if (state.sort === "question") {
      const order = new Intl.Collator("en", { numeric: true }).compare;
      matching.sort((a, b) => order(index.entries[a].question, index.entries[b].question) || a - b);
    }
    for (const place of matching) {
      const entry = index.entries[place];
      rows[place].firstChild.setAttribute("href", address({ item: entry.item, sample: String(entry.sample) }));
    }
    list.replaceChildren(...matching.map((place) => rows[place]));
    byId("count").textContent = matching.length === index.entries.length
      ? `${matching.length} questions` : `${matching.length} of ${index.entries.length} questions`;
    byId("clear").hidden = FIELDS.every((name) => state[name] === "");
    mark();
  }
  function mark() {
    for (const row of list.querySelectorAll("[aria-current]")) row.removeAttribute("aria-current");
    for (const row of list.querySelectorAll('[tabindex="0"]')) row.tabIndex = -1;
    const place = matching.includes(chosen) ? chosen : matching[0];
    if (place === undefined) return;
    const link = rows[place].firstChild;
    link.tabIndex = 0;
    if (place !== chosen) return;
    link.setAttribute("aria-current", "true");
    link.scrollIntoView({ block: "nearest" });
  }

  // --- one entry ------------------------------------------------------------------------------------

  let opened = 0;
  async function open() {
    const turn = ++opened;
    chosen = index.entries.findIndex(same);
    mark();
    if (chosen < 0) {
      const words = index.entries.length ? `There is no question ${state.item} on this page.` : "No arm wrote a chain.";
      byId("entry").replaceChildren(make("p", { class: "message" }, words));
      return;
    }
    const entry = await details(chosen);
    if (turn !== opened) return;
    byId("entry").replaceChildren(heading(entry), controls(), make("div", { class: "columns" }, ...arms.map((_, place) => column(entry, place))));
  }

  function heading(entry) {
    const options = (entry.options || []).map((option) =>
      foreign(option === entry.answer ? make("b", {}, `${option} ✓ gold`) : option, "li"));
    return make("div", { class: "asked" },
      make("h2", {}, foreign(shown(entry.question))),
      entry.options
        ? make("ul", { class: "options", "aria-label": "Options" }, ...options)
        : make("p", { class: "options" }, "Gold answer: ", foreign(entry.answer, "bdi", { class: "gold" })),
      make("p", { class: "note" }, `Question ${entry.item}`, index.several_samples ? `, sample ${entry.sample}` : "",
        entry.options && !entry.show_options ? "; the options were not shown, only scored" : ""));
  }

  function controls() {
    const choose = kinds.map((kind, place) => {
      const input = make("input", { type: "radio", name: "kind", value: kind, checked: kind === state.kind });
      return make("label", {}, input, KINDS[kind].label, make("kbd", { "aria-hidden": "true" }, String(place + 1)));
    });
    const readers = [["", "its own writer"], ...arms.map((arm) => [arm, arm])].map(([value, words]) =>
      make("option", { value, selected: value === state.reader }, words));
    const made = make("form", { class: "controls" },
      make("fieldset", { class: "kinds" }, make("legend", {}, "Perturbation"), ...choose),
      make("label", { class: "reader" }, "Read by", make("select", { name: "reader" }, ...readers)),
      make("p", { class: "note" }, KINDS[state.kind]?.hint ?? ""));
    made.addEventListener("change", (event) => {
      const { name, value } = event.target;
      go({ [name]: value }, `[name="${name}"]${name === "kind" ? ":checked" : ""}`);
    });
    return made;
  }

  function column(entry, place) {
    const arm = index.arms[place];
    const chain = entry.chains[place];
    const reader = state.reader || arm.name;
    const pair = pairPlace(arm.name, reader);
    const made = make("article", { class: arm.open ? "column" : "column closed", "aria-label": `Chain of ${arm.name}` },
      make("h3", {}, swatch(arm), arm.name, reader === arm.name ? "" : make("small", {}, ` read by ${reader}`)));
    if (!arm.open) made.append(make("p", { class: "gate" }, make("span", { class: "chip not-interpretable" }, "not interpretable"), ` ${arm.reasons.join("; ")}`));
    if (!chain) made.append(make("p", { class: "message" }, "This arm wrote no chain."));
    if (!chain) return made;
    const reading = entry.readings[pair];
    if (!reading) {
      made.append(make("p", { class: "message" }, `${reader} does not read the chains of ${arm.name}.`));
      made.append(make("ol", { class: "steps" }, ...chain.steps.map((step, k) => make("li", {}, make("div", { class: "row" }, number(k + 1), foreign(step.trim(), "bdi", { class: "step" }))))));
      return made;
    }
    const read = reading.map((answer, i) => ({ ...chain.probes[i], ...asRead(answer) }));
    const n = chain.steps.length;
    const whole = read.find((probe) => probe.kind === WHOLE && probe.cut === n && probe.known);
    made.append(facts(entry, chain, whole, pair), steps(chain, read, whole, arm));
    made.append(chain.conclusion.trim() === "" ? "" : make("p", { class: "conclusion" }, make("span", { class: "label" }, "Conclusion, cut off before probing"), foreign(chain.conclusion.trim())));
    if (chain.truncated) made.append(make("p", { class: "warning" }, "✂ cut off at the token limit"));
    made.append(overview(chain, read), measured(entry, pair));
    return made;
  }
  function asRead(answer) {
    if (!answer) return { known: false, answer: null, same: null, correct: null, p: null, gold: null };
    const [text, same_, correct, p, gold] = answer;
    return { known: true, answer: text, same: same_, correct, p, gold };
  }
  const number = (k) => make("span", { class: "number" }, String(k));

  /** The reader's answer without a chain, which is there once, beside its own chain. */
  function directly(entry, reader) {
    const place = entry.chains[arms.indexOf(reader)]?.probes.findIndex((probe) => probe.kind === "direct") ?? -1;
    const answer = entry.readings[pairPlace(reader, reader)]?.[place];
    return answer ? asRead(answer) : undefined;
  }
  function facts(entry, chain, whole, pair) {
    const direct = directly(entry, index.pairs[pair][1]);
    const decided = index.entries[chosen].readings[pair]?.[3];
    const n = chain.steps.length;
    const lines = [["After the chain", ...answered(whole)], ["Without a chain", ...answered(direct)]];
    if (decided !== null && decided !== undefined) {
      const step = Math.round(decided * n);
      lines.push(["Decided", step === 0 ? "before the first step" : `after step ${step} of ${n}`]);
    }
    return make("dl", { class: "facts-of-chain" }, ...lines.flatMap(([name, ...value]) => [make("dt", {}, name), make("dd", {}, ...value)]));
  }
  function answered(probe) {
    if (!probe) return ["not scored"];
    if (probe.answer === null) return [`? ${UNREADABLE}`];
    return [foreign(shown(probe.answer), "bdi", { class: "answer-text" }), probe.correct ? " ✓ right" : " ✗ wrong", probe.p === null ? "" : make("small", {}, ` p = ${share(probe.p)}`)];
  }

  function steps(chain, read, whole, arm) {
    const { one_step: oneStep, whole: elsewhere, title } = KINDS[state.kind] ?? { one_step: false, whole: false, title: "" };
    if (elsewhere) return chainsElsewhere(chain, read, whole, arm);
    const n = chain.steps.length;
    const byCut = new Map(read.filter((probe) => probe.kind === state.kind && probe.known).map((probe) => [probe.cut, probe]));
    if (!oneStep && whole && !byCut.has(n)) byCut.set(n, whole);
    const made = make("ol", { class: "steps" });
    let before = oneStep ? whole : null;
    for (let k = oneStep ? 1 : 0; k <= n; k++) {
      const probe = byCut.get(k);
      made.append(step(chain, k, k ? chain.steps[k - 1].trim() : title, probe, before, arm));
      if (!oneStep && probe && probe.p !== null) before = probe;
    }
    if (n === 0) made.append(make("li", {}, make("p", { class: "message" }, "No step: ", chain.text.trim() === "" ? "the chain is empty." : foreign(chain.text.trim()))));
    return made;
  }

  /** Whole chains that lead to another answer; or why there is none. */
  function chainsElsewhere(chain, read, whole, arm) {
    const rows = read.filter((probe) => probe.kind === state.kind).map((probe) => probe.known
      ? step(chain, probe.cut, `leads to ${probe.target}`, probe, whole, arm)
      : make("li", {}, make("div", { class: "row" }, number(probe.cut), make("span", { class: "step none" }, `no such chain (${probe.rule})`))));
    return make("ol", { class: "steps" }, ...rows);
  }
  function step(chain, k, text, probe, before, arm) {
    const words = k ? foreign(shown(text), "bdi", { class: "step" }) : make("span", { class: "step none" }, text);
    const line = [number(k || "–"), words];
    if (!probe) return make("li", {}, make("div", { class: "row" }, ...line, make("span", { class: "reading" }, "not probed")));
    const change = before && before.p !== null && probe.p !== null ? log(probe.p) - log(before.p) : null;
    const made = make("details", {}, make("summary", { class: "row" }, ...line, reading(probe, change, arm)));
    made.addEventListener("toggle", () => made.open && made.childElementCount === 1 && made.append(probed(chain, k, probe)));
    const row = make("li", {}, made);
    if (change !== null && Math.abs(change) >= 0.005) {
      row.className = change > 0 ? "up" : "down";
      row.style.setProperty("--strength", `${Math.round(100 * Math.min(1, Math.abs(change) / FULL))}%`);
    }
    return row;
  }
  function reading(probe, change, arm) {
    const bar = make("span", { class: "meter", "aria-hidden": "true" }, make("span"));
    bar.firstChild.style.cssText = `width: ${100 * (probe.p ?? 0)}%; background: ${arm.colour}`;
    const moved = change === null || Math.abs(change) < 0.005 ? "" : make("span", { class: "change", title: "change of the log-probability of the original answer, nats" }, `${change > 0 ? "▲" : "▼"} ${signed(change)}`);
    return make("span", { class: "reading" }, bar, make("span", { class: "p", title: "probability of the original answer" }, `p ${share(probe.p)}`), moved, flip(probe));
  }
  function flip(probe) {
    if (probe.answer === null) return make("span", { class: "unread" }, `? ${UNREADABLE}`);
    if (probe.same === false) return make("span", { class: "flip" }, "✗ flipped: ", foreign(shown(probe.answer)));
    return probe.same === null ? "" : make("span", { class: "kept" }, "= ", foreign(shown(probe.answer)));
  }

  /** The text that was read, with the replacement of steps marked, beside the words that it replaces. */
  function probed(chain, k, probe) {
    const kept = chain.steps.slice(0, probe.kept).join("");
    const tail = chain.steps.slice(probe.tail).join("");
    const gone = chain.steps.slice(probe.kept, probe.tail).join("");
    const changed = probe.kind !== WHOLE;
    const parts = [kept, changed && probe.middle !== "" ? make("mark", {}, probe.middle) : probe.middle, tail];
    const numbers = [
      `p of the original answer ${probe.p === null ? "unknown" : `${probe.p} (logarithm ${signed(log(probe.p))})`}`,
      probe.gold === null ? "" : `p of the gold answer ${probe.gold}`,
      probe.rule === null ? "" : `made by ${probe.rule}`,
      probe.accepted === false ? "✗ not accepted" : "",
    ].filter(Boolean).join(" · ");
    return make("div", { class: "probed" },
      make("span", { class: "label" }, "Read"),
      kept + probe.middle + tail === "" ? make("p", {}, "(no text)") : make("p", { dir: "auto", class: "text" }, ...parts),
      ...(gone === "" ? [] : [make("span", { class: "label" }, changed ? "In place of" : "Cut off"), foreign(gone.trimStart(), "p", { class: "text gone" })]),
      make("p", { class: "note" }, numbers));
  }

  /** All perturbations at once: p of the original answer by cut, flips marked. */
  function overview(chain, read) {
    const made = make("details", { class: "overview" }, make("summary", {}, "All perturbations"));
    made.addEventListener("toggle", () => {
      if (!made.open || made.childElementCount > 1) return;
      const byStep = kinds.filter((kind) => !KINDS[kind].whole);
      const head = make("tr", {}, make("th", { scope: "col" }, "Step"), ...byStep.map((kind) => make("th", { scope: "col", class: "num" }, KINDS[kind].label)));
      const body = Array.from({ length: chain.steps.length + 1 }, (_, k) => make("tr", {}, make("th", { scope: "row" }, k ? String(k) : "none"), ...byStep.map((kind) => {
        const probe = read.find((one) => one.kind === kind && one.cut === k && one.known);
        const words = !probe ? "" : probe.answer === null ? `? ${UNREADABLE}` : `${probe.same === false ? "✗ " : ""}${share(probe.p)}`;
        return make("td", { class: probe?.same === false ? "num flipped" : "num" }, words);
      })));
      made.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All perturbations" },
        make("table", {}, make("caption", {}, "Probability of the original answer; ✗: flipped"), make("thead", {}, head), make("tbody", {}, ...body))));
    });
    return made;
  }
  function measured(entry, pair) {
    const lines = index.measures.map((label, place) => [label, entry.measures[pair][place]]).filter(([, value]) => value !== null);
    if (!lines.length) return "";
    return make("details", { class: "overview" }, make("summary", {}, "Measures of this chain"),
      make("dl", { class: "facts-of-chain" }, ...lines.flatMap(([label, value]) => [make("dt", {}, label), make("dd", {}, value.toFixed(2).replace("-", "−"))])));
  }

  // --- moving ---------------------------------------------------------------------------------------

  /** Change what is shown. Another question is a page to go back to, other choices are not. */
  async function go(changes, focus = null) {
    const moves = "item" in changes;
    history[moves ? "pushState" : "replaceState"](null, "", address(changes));
    Object.assign(state, changes);
    if (FIELDS.some((name) => name in changes)) await fill();
    else for (const place of matching) rows[place].firstChild.setAttribute("href", address({ item: index.entries[place].item, sample: String(index.entries[place].sample) }));
    if (moves || "kind" in changes || "reader" in changes) await open();
    if (focus) byId("entry").querySelector(focus)?.focus();
  }
  const goTo = (place) => go({ item: index.entries[place].item, sample: String(index.entries[place].sample) });
  async function move(by) {
    const now = matching.indexOf(chosen);
    const next = matching[now < 0 ? 0 : Math.min(matching.length - 1, Math.max(0, now + by))];
    if (next === undefined || next === chosen) return;
    const inList = list.contains(document.activeElement);
    await goTo(next);
    if (inList) rows[next].firstChild.focus();
  }
  function focusEntry() {
    byId("entry").focus();
    byId("entry").scrollIntoView({ block: "start" });
  }

  const KEYS = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    "/": () => byId("q").focus(), "?": () => byId("help").showModal(),
    r: () => go({ reader: ["", ...arms][(arms.indexOf(state.reader) + 2) % (arms.length + 1)] }),
    Escape: () => (rows[chosen] && list.contains(rows[chosen]) ? rows[chosen].firstChild : list.querySelector("a"))?.focus(),
    ...Object.fromEntries(kinds.map((kind, place) => [String(place + 1), () => go({ kind })])),
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (target === byId("q")) {
      if (key === "Escape" && target.value === "") KEYS.Escape();
      else if (key === "Escape") go({ q: (target.value = "") });
      else if (key === "Enter" && matching.length) (matching.includes(chosen) ? Promise.resolve() : goTo(matching[0])).then(focusEntry);
      else if (key === "ArrowDown") list.querySelector('[tabindex="0"]')?.focus();
      else return;
      event.preventDefault();
    } else if (target.matches("input, select, textarea") && key !== "Escape") return;
    else if (key.startsWith("Arrow") && byId("entry").contains(target)) return; // scrolls the chains
    else if (KEYS[key]) {
      event.preventDefault();
      KEYS[key]();
    }
  });
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goTo(Number(link.dataset.place)).then(focusEntry);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("input", (event) => go({ [event.target.id]: event.target.value }));
  byId("clear").addEventListener("click", () => {
    go(Object.fromEntries(FIELDS.map((name) => [name, ""])));
    for (const name of FIELDS) byId(name).value = "";
    byId("q").focus();
  });
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names what is shown
    focusEntry();
  });
  addEventListener("popstate", start);

  // --- start ----------------------------------------------------------------------------------------

  for (const [place, [writer, reader]] of index.pairs.entries()) {
    byId("pair").append(make("option", { value: String(place) }, writer === reader ? writer : `${writer}, read by ${reader}`));
  }
  const flippable = kinds.filter((kind) => index.entries.some((entry) => entry.readings.some((reading) => reading && kind in reading[4])));
  for (const [value, words] of [["flipped", "flipped"], ["kept", "not flipped"]]) {
    byId("flips").append(make("option", { value }, `${words} by any`), ...flippable.map((kind) => make("option", { value: `${value}:${kind}` }, `${words} by ${KINDS[kind].label.toLowerCase()}`)));
  }
  async function start() {
    readAddress();
    byId("more").open ||= FIELDS.slice(1).some((name) => state[name] !== "");
    await fill();
    if (state.item === "" && index.entries.length) {
      const first = index.entries[matching[0] ?? 0];
      Object.assign(state, { item: first.item, sample: String(first.sample) });
    }
    await open();
    document.body.dataset.ready = "true";
  }
  byId("more").open = matchMedia("(min-width: 52rem)").matches;
  await start();
})();
