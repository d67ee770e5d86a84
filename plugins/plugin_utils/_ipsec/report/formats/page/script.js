"use strict";
// Shows what is in #data. Every text is put into the document as text (textContent), never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100; // tunnels shown at once: more are a click away, so that ten thousand open without a pause
  const MAPPED = 150; // tunnels drawn at once
  const STATES = {
    "up, traffic passes": { mark: "\u25cf", tone: "good", dash: "", about: "solid line, circle" },
    "up": { mark: "\u25cb", tone: "good", dash: "", about: "solid line, ring" },
    "up, no traffic": { mark: "\u25b2", tone: "warn", dash: "8 4", about: "dashed line, triangle" },
    "unknown": { mark: "?", tone: "warn", dash: "1 6", about: "fine dots, question mark" },
    "down": { mark: "\u2716", tone: "bad", dash: "2 4", about: "dotted line, cross" },
  };
  const NONE = "none";
  const get = (id) => document.getElementById(id);

  // An element with attributes and children; a child that is a string is text.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  function drawn(name, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  const plural = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const worst = (tunnel) => data.severities.find((each) => tunnel.findings.some((f) => f.severity === each)) || NONE;

  const tunnels = data.tunnels.map((tunnel) => ({
    ...tunnel,
    worst: worst(tunnel),
    text: [tunnel.name, ...tunnel.ends, ...tunnel.findings.flatMap((f) => [f.id, f.summary])].join("\n").toLowerCase(),
  }));

  function state(tunnel) {
    const { mark, tone } = STATES[tunnel.state];
    return element("span", { class: `state ${tone}` }, element("span", { "aria-hidden": "true" }, `${mark} `), tunnel.state);
  }

  function finding(each) {
    const head = [element("span", { class: "severity" }, each.severity), ` ${each.id} on ${each.end}`];
    const list = element("ul");
    for (const text of each.evidence) list.append(element("li", {}, "Proof: ", element("code", {}, text)));
    for (const text of each.remedies) list.append(element("li", {}, `What to do: ${text}`));
    list.append(element("li", {}, `Reference: ${each.reference}`));
    if (each.new) head.push(element("strong", {}, " (new)"));
    return element("div", { class: `finding ${each.severity}` },
      element("h3", {}, ...head), element("p", {}, each.summary), list);
  }

  function sides(tunnel) {
    const head = element("tr", {}, element("th", { scope: "col" }, "Setting"),
      ...tunnel.ends.map((end) => element("th", { scope: "col" }, end)), element("th", { scope: "col" }, "Same"));
    const rows = tunnel.sides.map(([what, one, other, same]) => element("tr", same === false ? { class: "differs" } : {},
      element("th", { scope: "row" }, what), element("td", {}, one), element("td", {}, other),
      element("td", {}, same === null ? "need not be" : same ? "yes" : "\u2260 differs")));
    return element("table", {}, element("caption", {}, "Both ends side by side"),
      element("thead", {}, head), element("tbody", {}, ...rows));
  }

  function details(tunnel) {
    const body = element("div", {}, element("p", {}, `${tunnel.initiator} initiates, because ${tunnel.because}.`));
    for (const text of tunnel.missing) body.append(element("p", {}, `Not proven: ${text}`));
    if (!tunnel.findings.length) body.append(element("p", {}, "No findings."));
    body.append(...tunnel.findings.map(finding));
    if (tunnel.sides.length) body.append(sides(tunnel));
    return body;
  }

  function item(tunnel) {
    const found = tunnel.findings.length
      ? element("span", { class: `severity ${tunnel.worst}` }, `${plural(tunnel.findings.length, "finding")}, worst ${tunnel.worst}`)
      : element("span", { class: "soft" }, "no findings");
    const box = element("details", {}, element("summary", {},
      element("span", {}, tunnel.name), state(tunnel), found));
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) box.append(details(tunnel));
    });
    return element("li", {}, box);
  }

  // What is chosen, and what of it is shown.
  let chosen = tunnels;
  let shown = 0;
  function more() {
    // Made once, so that what is open stays open when another choice is shown.
    get("list").append(...chosen.slice(shown, shown + PAGE).map((tunnel) => (tunnel.item ??= item(tunnel))));
    shown = Math.min(shown + PAGE, chosen.length);
    get("more").hidden = shown === chosen.length;
    get("count").textContent = `${chosen.length} of ${plural(tunnels.length, "tunnel")}`
      + (shown < chosen.length ? `, the first ${shown} are shown` : "");
  }
  function choose() {
    const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = get("state").value;
    const severity = get("severity").value;
    chosen = tunnels.filter((tunnel) => (!wanted || tunnel.state === wanted)
      && (!severity || (severity === NONE ? tunnel.worst === NONE : tunnel.findings.some((f) => f.severity === severity)))
      && words.every((word) => tunnel.text.includes(word)));
    get("list").replaceChildren();
    shown = 0;
    more();
    map();
    for (const button of get("overview").children) {
      const { field, value } = button.dataset;
      button.setAttribute("aria-pressed", String(get(field).value === value));
    }
  }

  // Gateways with many tunnels in the middle, the others around them, those of one tunnel beside each other.
  function places(edges) {
    const peers = new Map();
    for (const { gateways: [one, other] } of edges) {
      for (const [a, b] of [[one, other], [other, one]]) peers.set(a, [...(peers.get(a) || []), b]);
    }
    const hubs = [...peers.keys()].filter((name) => peers.get(name).length > 3);
    const outer = [];
    const seen = new Set(hubs);
    const queue = [...hubs, ...peers.keys()];
    while (queue.length) {
      const name = queue.shift();
      if (!seen.has(name)) { seen.add(name); outer.push(name); }
      for (const peer of peers.get(name)) if (!seen.has(peer)) { seen.add(peer); outer.push(peer); }
    }
    const at = new Map();
    const ring = (names, radius) => names.forEach((name, i) => {
      const angle = 2 * Math.PI * i / names.length;
      at.set(name, [500 + radius * Math.cos(angle), 250 + radius / 2 * Math.sin(angle)]);
    });
    ring(hubs, hubs.length === 1 ? 0 : 140);
    ring(outer, 420);
    return at;
  }
  function mark(name, x, y) {
    if (name === "down") return drawn("path", { class: "mark", d: `M${x - 6} ${y - 4}l2-2 4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4z` });
    if (name === "unknown") return drawn("text", { class: "mark", x, y: y + 4, "text-anchor": "middle" }, "?");
    if (name === "up, no traffic") return drawn("path", { class: "mark", d: `M${x} ${y - 6}l6 11h-12z` });
    const fill = name === "up" ? { fill: "var(--back)", stroke: "currentColor", "stroke-width": "2" } : { class: "mark" };
    return drawn("circle", { cx: x, cy: y, r: 5, ...fill });
  }
  function map() {
    const edges = chosen.slice(0, MAPPED);
    const figure = get("map");
    figure.querySelector("svg")?.remove();
    figure.hidden = !edges.length;
    const at = places(edges);
    const label = `Map of ${plural(at.size, "gateway")} and ${plural(edges.length, "tunnel")}`;
    const picture = drawn("svg", { viewBox: "0 0 1000 500", role: "img", "aria-label": label });
    for (const tunnel of edges) {
      const [[x1, y1], [x2, y2]] = tunnel.gateways.map((name) => at.get(name));
      const { tone, dash } = STATES[tunnel.state];
      picture.append(drawn("g", { class: tone }, drawn("title", {}, `${tunnel.name}: ${tunnel.state}`),
        drawn("line", { x1, y1, x2, y2, "stroke-dasharray": dash || "none" }),
        mark(tunnel.state, (x1 + x2) / 2, (y1 + y2) / 2)));
    }
    for (const [name, [x, y]] of at) {
      const node = drawn("g", {}, drawn("title", {}, name), drawn("rect", { class: "gateway", x: x - 6, y: y - 6, width: 12, height: 12 }));
      if (at.size <= 40) node.append(drawn("text", { x, y: y - 10 }, name.length > 24 ? `${name.slice(0, 23)}\u2026` : name));
      picture.append(node);
    }
    figure.prepend(picture);
    const there = Object.entries(STATES).filter(([name]) => edges.some((tunnel) => tunnel.state === name));
    get("map-caption").textContent = `${label}${chosen.length > edges.length ? `, the first of ${chosen.length}` : ""}. `
      + there.map(([name, { about }]) => `${name}: ${about}`).join("; ") + ". All of it is in the list below.";
  }

  function card(field, value, number, what, tone) {
    const button = element("button", { type: "button", class: tone, "aria-pressed": "false" }, `${number} ${what}`);
    Object.assign(button.dataset, { field, value });
    button.addEventListener("click", () => {
      get(field).value = get(field).value === value ? "" : value;
      choose();
    });
    get("overview").append(button);
    get(field).append(element("option", { value }, what));
  }
  for (const [name, { mark: sign, tone }] of Object.entries(STATES)) {
    const number = tunnels.filter((tunnel) => tunnel.state === name).length;
    if (number) card("state", name, number, `${sign} ${name}`, tone);
  }
  for (const each of [...data.severities, NONE]) {
    const number = tunnels.filter((t) => (each === NONE ? t.worst === NONE : t.findings.some((f) => f.severity === each))).length;
    if (number) card("severity", each, number, each === NONE ? "without findings" : `with ${each} findings`, each);
  }

  // What is beside the tunnels.
  function fill(id, children) {
    if (children.length) { get(id).hidden = false; get(id).append(...children); }
  }
  const lines = (texts) => (texts.length ? [element("ul", {}, ...texts.map((text) => element("li", {}, text)))] : []);
  fill("elsewhere", data.others.map(finding));
  fill("unpaired", lines(data.unpaired));
  fill("advice", lines(data.advice));
  if (data.waived.length) {
    const head = ["Finding", "Severity", "Tunnel", "End", "Until", "Owner", "Reason"];
    fill("waived", [element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...data.waived.map((row) => element("tr", {}, ...row.map((text) => element("td", {}, text))))))]);
  }
  if (data.drift) {
    const list = [...data.moved, ...data.gone.map((text) => `gone: ${text}`)];
    get("drift").hidden = false;
    get("drift").append(`What changed ${data.drift}.`);
    get("drift").after(...lines(list));
  }

  let waiting = 0;
  get("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 80); });
  get("state").addEventListener("change", choose);
  get("severity").addEventListener("change", choose);
  get("filter").addEventListener("submit", (event) => { event.preventDefault(); choose(); });
  get("filter").addEventListener("reset", () => setTimeout(choose));
  get("more").addEventListener("click", more);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((box, i) => {
    const tunnel = chosen[i];
    if (box.children.length === 1) box.append(details(tunnel));
    box.open = true;
  }));
  choose();
})();
