// Draws the picture of a fabric. Where everything is was decided by the server; this is the hand that draws,
// moves, zooms, finds and chooses. Whatever comes from Git is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const NEAREST = 4;
const FAR = 0.45;
const TURN = 1.2;

const root = document.getElementById("topology");
const picture = document.getElementById("topology-picture");
const status = document.getElementById("topology-status");
const panel = document.getElementById("topology-chosen");
const search = document.getElementById("topology-search");
const found = document.getElementById("topology-found");

const view = { x: 0, y: 0, scale: 1 };
let data, stage, chosen, hits = [], hit = -1;

function make(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function html(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// --- Drawing

const shapes = {
  outside: ([x, y, w, h]) => make("rect", { x, y, width: w, height: h, rx: h / 2 }),
  gateway: ([x, y, w, h]) => make("path", { d: `M${x + 14} ${y}h${w - 28}l14 ${h / 2}-14 ${h / 2}h${28 - w}l-14 ${-h / 2}z` }),
  spine: ([x, y, w, h]) => make("path", { d: `M${x + 10} ${y}h${w - 10}l-10 ${h}h${10 - w}z` }),
  leaf: ([x, y, w, h]) => make("rect", { x, y, width: w, height: h, rx: 2 }),
  server: ([x, y, w, h]) => make("rect", { x, y, width: w, height: h, rx: 6 }),
};

function fitting(text, width) {
  const characters = Math.floor(width / 7);
  return text.length > characters ? `${text.slice(0, characters - 1)}…` : text;
}

function drawNode(node) {
  const [x, y, w, h] = node.box;
  const shape = shapes[node.tier](node.box);
  shape.setAttribute("class", `topology-node-${node.known ? node.tier : "unknown"}`);
  const below = node.tier === "server" ? "" : node.known ? node.role : "not in Git";
  const name = make("text", { x: x + w / 2, y: y + h / 2 - (below ? 6 : 0) }, fitting(node.name, w - 8));
  const title = make("title", {}, `${node.kind} ${node.name}${node.description ? `: ${node.description}` : ""}`);
  node.element = make("g", { class: `topology-thing topology-thing-${node.tier}` }, title, shape, name);
  if (below) node.element.append(make("text", { x: x + w / 2, y: y + h / 2 + 9, class: "topology-small" }, fitting(below, w)));
  return node.element;
}

const centre = ([x, y, w, h]) => [x + w / 2, y + h / 2];

function route(one, other) {
  const [[ax, ay, aw, ah], [bx, by, bw, bh]] = [one.box, other.box];
  if (one === other) return `M${ax + aw - 34} ${ay}c0 -26 28 -26 28 0`;
  if (ay === by) {
    // Side by side: straight to the neighbour, over everything between otherwise.
    const [left, right] = ax < bx ? [one.box, other.box] : [other.box, one.box];
    const gap = right[0] - left[0] - left[2];
    if (gap < 60) return `M${left[0] + left[2]} ${left[1] + left[3] / 2}H${right[0]}`;
    const lift = Math.min(24 + gap / 12, 84);
    return `M${left[0] + left[2] / 2} ${ay}C${left[0] + left[2] / 2} ${ay - lift} ${right[0] + right[2] / 2} ${by - lift} ${right[0] + right[2] / 2} ${by}`;
  }
  const [upper, lower] = ay < by ? [one.box, other.box] : [other.box, one.box];
  return `M${upper[0] + upper[2] / 2} ${upper[1] + upper[3]}L${lower[0] + lower[2] / 2} ${lower[1]}`;
}

function drawLink(link) {
  const [one, other] = link.ends.map((end) => data.nodes[end]);
  link.element = make("path", { class: `topology-link topology-link-${link.kind}`, d: route(one, other) });
  for (const node of new Set([one, other])) node.links.push(link);
  return link.element;
}

function draw() {
  for (const node of data.nodes) node.links = [];
  stage = make("g");
  const clusters = make("g", {}, ...data.clusters.flatMap(({ name, box: [x, y, w, h] }) => [
    make("rect", { class: "topology-cluster", x, y, width: w, height: h, rx: 8 }),
    make("text", { class: "topology-cluster-name", x: x + 8, y: y + 15 }, fitting(name, w)),
  ]));
  stage.append(clusters, make("g", {}, ...data.links.map(drawLink)), make("g", {}, ...data.nodes.map(drawNode)));
  data.nodes.forEach((node, number) => { node.element.dataset.node = number; });
  picture.replaceChildren(stage);
}

// --- Moving and zooming

function show() {
  stage.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
  picture.classList.toggle("topology-far", view.scale < FAR);
}

function fit() {
  const { width, height } = picture.getBoundingClientRect();
  view.scale = Math.min(width / data.width, height / data.height, 1.5);
  view.x = (width - data.width * view.scale) / 2;
  view.y = (height - data.height * view.scale) / 2;
  show();
}

function zoom(factor, x, y) {
  const { width, height } = picture.getBoundingClientRect();
  const [px, py] = [x ?? width / 2, y ?? height / 2];
  const scale = Math.min(Math.max(view.scale * factor, 0.02), NEAREST);
  view.x = px - ((px - view.x) * scale) / view.scale;
  view.y = py - ((py - view.y) * scale) / view.scale;
  view.scale = scale;
  show();
}

function move(x, y) {
  view.x += x;
  view.y += y;
  show();
}

function bringIntoView(node) {
  const { width, height } = picture.getBoundingClientRect();
  if (view.scale < FAR) view.scale = 0.9;
  const [x, y] = centre(node.box);
  view.x = width / 2 - x * view.scale;
  view.y = height / 2 - y * view.scale;
  show();
}

function isInView(node) {
  const { width, height } = picture.getBoundingClientRect();
  const [x, y] = centre(node.box).map((value, axis) => value * view.scale + (axis ? view.y : view.x));
  return view.scale >= FAR && x > 40 && y > 20 && x < width - 40 && y < height - 20;
}

const pointers = new Map();
let travelled = 0;

function local(event) {
  const { left, top } = picture.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
}

picture.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  pointers.set(event.pointerId, local(event));
  if (pointers.size === 1) travelled = 0;
});

picture.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = local(event);
  travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
  // Not before it is a drag: a captured pointer's click would be the picture's, not the node's.
  if (travelled > 4 && !picture.hasPointerCapture(event.pointerId)) {
    picture.setPointerCapture(event.pointerId);
    picture.classList.add("topology-dragged");
  }
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
    zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else if (travelled > 4) {
    move(now[0] - before[0], now[1] - before[1]);
  }
  pointers.set(event.pointerId, now);
});

for (const end of ["pointerup", "pointercancel"]) {
  picture.addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    picture.classList.remove("topology-dragged");
  });
}

picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
  zoom(Math.exp(-event.deltaY * lines * 0.002), ...local(event));
}, { passive: false });

for (const button of root.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => ({ in: () => zoom(TURN), out: () => zoom(1 / TURN), fit })[button.dataset.zoom]());
}

// --- Choosing

const pageOf = (pk) => root.dataset.page.replace("/0/", `/${pk}/`);

const linkTo = (pk, text) => (pk ? html("a", { className: "text-link hedgehog-text", href: pageOf(pk) }, text) : text);

const isShown = (link) => !link.element.classList.contains("topology-off");

const otherEnd = (link, node) => data.nodes[link.ends.find((end) => data.nodes[end] !== node) ?? link.ends[0]];

function light(things) {
  for (const each of picture.querySelectorAll(".topology-lit, .topology-chosen")) each.classList.remove("topology-lit", "topology-chosen");
  picture.classList.toggle("topology-narrowed", things.length > 0);
  for (const each of things) each.element.classList.add("topology-lit");
}

function choose(node) {
  chosen = node;
  if (!node) {
    light([]);
    panel.hidden = true;
    return;
  }
  const links = node.links.filter(isShown);
  light([node, ...links, ...links.map((link) => otherEnd(link, node))]);
  node.element.classList.add("topology-chosen");
  panel.replaceChildren(...describe(node, links));
  const wasHidden = panel.hidden;
  panel.hidden = false;
  if (!wasHidden) return;
  // Where it lies over the lower end of the picture, the picture moves up to leave room for it.
  if (getComputedStyle(panel).position === "sticky") picture.scrollIntoView({ block: "start" });
  if (!isInView(node)) bringIntoView(node);
}

function describe(node, links) {
  const where = node.known ? [node.role, node.namespace] : ["named by a connection, but not in Git"];
  const head = html("div", { className: "hedgehog-row" },
    html("p", { className: "hedgehog-quiet" }, `${node.kind}, ${where.filter(Boolean).join(", ")}`),
    html("p", { className: "hedgehog-text" }, node.description));
  if (node.pk) head.append(html("p", {}, linkTo(node.pk, "Open its page")));
  const rows = links.map((link) => {
    const other = otherEnd(link, node);
    const go = html("button", { type: "button", className: "topology-link-button" }, other === node ? "itself" : other.name);
    go.addEventListener("click", () => reach(other));
    return html("div", { className: "hedgehog-row" },
      html("p", {}, `${link.kind} to `, go),
      html("p", { className: "hedgehog-quiet hedgehog-text" }, portsOf(link)),
      html("p", {}, linkTo(link.pk, link.name)));
  });
  const none = html("p", { className: "hedgehog-row hedgehog-quiet" }, "No connection that is shown leads here.");
  return [html("h2", { className: "hedgehog-text" }, node.name), head, ...(rows.length ? rows : [none])];
}

const portsOf = (link) => link.ports.map((pair) => pair.filter(Boolean).join(" – ")).join(", ");

function reach(node) {
  choose(node);
  if (!isInView(node)) bringIntoView(node);
}

function open(node) {
  if (node?.pk) window.location.assign(pageOf(node.pk));
}

picture.addEventListener("click", (event) => {
  if (travelled > 4) return;
  const thing = event.target.closest("[data-node]");
  const node = thing && data.nodes[thing.dataset.node];
  if (node && node === chosen) open(node);
  else choose(node);
});

// --- Keys

const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function nextIn([dx, dy]) {
  if (!chosen) return data.nodes.find((node) => node.tier === "spine") ?? data.nodes[0];
  const [x, y] = centre(chosen.box);
  let best, least = Infinity;
  for (const node of data.nodes) {
    const [nx, ny] = centre(node.box);
    const along = (nx - x) * dx + (ny - y) * dy;
    const aside = Math.abs((nx - x) * dy) + Math.abs((ny - y) * dx);
    if (along > 1 && along + 3 * aside < least) [best, least] = [node, along + 3 * aside];
  }
  return best ?? chosen;
}

const keys = {
  "+": () => zoom(TURN),
  "=": () => zoom(TURN),
  "-": () => zoom(1 / TURN),
  0: fit,
  Escape: () => choose(null),
  Enter: () => open(chosen),
};

picture.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const direction = directions[event.key];
  if (!direction && !keys[event.key]) return;
  event.preventDefault();
  if (!direction) keys[event.key]();
  else if (event.shiftKey) move(-60 * direction[0], -60 * direction[1]);
  else reach(nextIn(direction));
});

// --- Finding

search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const node of hits) node.element.classList.remove("topology-found");
  hits = wanted ? data.nodes.filter((node) => `${node.name}\n${node.description}`.toLowerCase().includes(wanted)) : [];
  hit = -1;
  choose(null);
  light(hits);
  picture.classList.toggle("topology-narrowed", Boolean(wanted));
  for (const node of hits) node.element.classList.add("topology-found");
  found.textContent = wanted ? `${hits.length} found${hits.length ? ", Enter goes to the next" : ""}` : "";
});

search.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (!hits.length) return;
  hit = (hit + 1) % hits.length;
  choose(hits[hit]);
  bringIntoView(hits[hit]);
  found.textContent = `${hit + 1} of ${hits.length}: ${hits[hit].name}`;
});

// --- The legend, which filters, and the table

function drawLegend() {
  const counts = new Map();
  for (const link of data.links) counts.set(link.kind, (counts.get(link.kind) ?? 0) + 1);
  for (const [kind, count] of [...counts].sort()) {
    const box = html("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      for (const link of data.links) {
        if (link.kind === kind) link.element.classList.toggle("topology-off", !box.checked);
      }
      if (chosen) choose(chosen);
    });
    const sample = make("svg", { viewBox: "0 0 30 16", "aria-hidden": "true" },
      make("path", { class: `topology-link topology-link-${kind}`, d: "M0 8H30" }));
    document.getElementById("topology-legend").append(html("label", {}, box, sample, `${kind} (${count})`));
  }
}

const table = document.getElementById("topology-table");
table.addEventListener("toggle", () => {
  const place = table.querySelector(".topology-scroll");
  if (!table.open || place.firstChild) return;
  const cells = (tag, ...values) => html("tr", {}, ...values.map((value) => html(tag, {}, value)));
  const rows = data.links.map((link) => {
    const [one, other] = link.ends.map((end) => linkTo(data.nodes[end].pk, data.nodes[end].name));
    return cells("td", link.kind, one, other, portsOf(link), linkTo(link.pk, link.name));
  });
  const head = html("thead", {}, cells("th", "Type", "From", "To", "Ports", "Connection"));
  place.append(html("table", {}, head, html("tbody", {}, ...rows)));
});

// --- Begin

function tell(text, kind) {
  status.hidden = !text;
  status.textContent = text;
  status.className = `hedgehog-note hedgehog-${kind}`;
}

async function begin() {
  const answer = await fetch(root.dataset.source, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  data = await answer.json();
  if (!data.nodes.length) {
    tell("Nothing to draw: the fabric has no switches, servers, gateways or externals yet. They come with the first sync that finds them in Git.", "warning");
    return;
  }
  document.getElementById("topology-parts").hidden = false;
  tell(data.is_cut ? "The fabric is too large to be drawn as a whole; switches come first. The list of resources has all of it." : "", "warning");
  draw();
  drawLegend();
  fit();
  new ResizeObserver(() => { if (!chosen && !search.value) fit(); }).observe(picture);
  const pk = Number(root.dataset.shown);
  const link = pk && data.links.find((each) => each.pk === pk);
  const node = pk && (data.nodes.find((each) => each.pk === pk) ?? (link && data.nodes[link.ends[0]]));
  if (node) reach(node);
  if (link) light([link, ...link.ends.map((end) => data.nodes[end])]);
}

begin().catch((error) => tell(`The picture could not be drawn: ${error.message}. Reload the page to try again.`, "warning"));
