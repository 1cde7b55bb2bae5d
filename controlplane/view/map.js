// The moving map: plays a recording (view/recording.py) in the page, without the kernel and without the network.
// A plain ES module: `mount(element, recording)`; as an anywidget, `render({model, el})`.
// view/map.py adds STYLE, which is map.css.

const MARKS = { ready: "●", waiting: "○", failed: "✗", lost: "?", going: "◌" };
const MEANING = { ready: "ready", waiting: "not ready", failed: "failed", lost: "on a lost node", going: "terminating" };
const FOLD = 20; // nodes; more of them are shown in groups of so many
const QUEUE = 20; // Pods without a node that are listed
const SPEEDS = [0.5, 1, 2, 5, 20, 100]; // steps a second
const NOISE = new Set(["events", "leases"]);
const SERVER = "API server";
const PLACES = { you: "you", controllers: "controllers", scheduler: "scheduler", "Ingress controller": "ingress", "kube-proxy": "service", "load balancer": "service", DNS: "service" };

export function applied(old, told) {
  if (told === null || told === undefined) return old;
  if (Array.isArray(told)) return told[0];
  if (Array.isArray(old)) return old.map((item, i) => applied(item, told[i]));
  const next = {};
  for (const name of Object.keys(old)) if (told[name] !== 0) next[name] = applied(old[name], told[name]);
  for (const name of Object.keys(told)) if (!(name in old) && told[name] !== 0) next[name] = told[name][0];
  return next;
}

// Every step with the whole object before and after it; what did not change is shared, so that this stays small.
export function unpack(recording) {
  const { names, before } = recording;
  const now = new Map(Object.entries(before)), latest = new Map();
  for (const [key, obj] of now) latest.set(key.split("/")[2], obj);
  const steps = recording.steps.map(([time, revision, by, verb, resource, sub, key, told, cause, heard]) => {
    const step = { time, revision, by: names[by], verb: names[verb], resource: names[resource], sub: names[sub], key: names[key], cause, heard: heard.map((i) => names[i]), refused: revision < 0 ? -revision : 0 };
    if (step.refused) return step;
    const kind = step.key.split("/")[2];
    step.old = now.get(step.key);
    if (told === 0) now.delete(step.key);
    else {
      step.new = applied(step.old ?? latest.get(kind) ?? {}, told);
      now.set(step.key, step.new);
      latest.set(kind, step.new);
    }
    return step;
  });
  return { steps, state: new Map(Object.entries(before)) };
}

const nameOf = (key) => key.split("/").pop();
const say = (step) => `${step.by}: ${step.verb} ${step.resource}${step.sub ? "/" + step.sub : ""} ${nameOf(step.key)}${step.refused ? ` refused (${step.refused})` : ""}`;
const isReady = (obj) => (obj.status?.conditions ?? []).some((c) => c.type === "Ready" && c.status === "True");

function podState(pod, nodeState) {
  const containers = pod.status?.containerStatuses ?? [];
  const phase = pod.status?.phase ?? "Pending";
  const waits = containers.map((c) => c.state?.waiting?.reason).find((r) => r && r !== "ContainerCreating");
  if (pod.metadata.deletionTimestamp) return ["going", "Terminating"];
  if (nodeState === "Unknown") return ["lost", waits ?? phase];
  if (phase === "Failed") return ["failed", waits ?? phase];
  return [isReady(pod) || phase === "Succeeded" ? "ready" : "waiting", waits ?? phase];
}

// What is to be seen of a state: the same as controlplane/picture.py finds.
export function scene(state) {
  const kinds = new Map();
  for (const [key, obj] of state) {
    const kind = key.split("/")[2];
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push([key, obj]);
  }
  const all = (kind) => (kinds.get(kind) ?? []).sort(([a], [b]) => (a < b ? -1 : 1));
  const nodes = new Map();
  for (const [key, node] of all("minions")) {
    const ready = (node.status?.conditions ?? []).find((c) => c.type === "Ready")?.status;
    const status = ready === "True" ? "Ready" : ready === "Unknown" ? "Unknown" : "NotReady";
    nodes.set(node.metadata.name, { key, name: node.metadata.name, status, cordoned: !!node.spec?.unschedulable, pods: [] });
  }
  const pending = [];
  for (const [key, pod] of all("pods")) {
    const node = nodes.get(pod.spec.nodeName);
    const [look, detail] = podState(pod, node?.status);
    const restarts = (pod.status?.containerStatuses ?? []).reduce((sum, c) => sum + (c.restartCount ?? 0), 0);
    (node ? node.pods : pending).push({ key, name: pod.metadata.name, image: pod.spec.containers.map((c) => c.image).join(", "), look, detail, restarts });
  }
  const ready = new Map();
  for (const [, slice] of all("endpointslices")) {
    const service = `${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"]}`;
    const count = (slice.endpoints ?? []).filter((e) => e.conditions?.ready ?? true).length;
    ready.set(service, (ready.get(service) ?? 0) + count);
  }
  const services = all("services").filter(([key]) => key !== "/registry/services/specs/default/kubernetes").map(([key, s]) => {
    const count = ready.get(`${s.metadata.namespace}/${s.metadata.name}`) ?? 0;
    return { key, text: `Service ${s.metadata.name} · ${s.spec.clusterIP}:${(s.spec.ports ?? []).map((p) => p.port)} · ${count} ready endpoint${count === 1 ? "" : "s"}` };
  });
  const ingresses = all("ingress").map(([key, g]) => {
    const rules = (g.spec.rules ?? []).flatMap((r) => (r.http?.paths ?? []).map((p) => `${r.host ?? "*"}${p.path ?? "/"} → ${p.backend.service?.name}`));
    return { key, text: `Ingress ${g.metadata.name} · ${rules.join(", ")}` };
  });
  const workloads = [...all("deployments"), ...all("statefulsets"), ...all("daemonsets"), ...all("jobs"), ...all("replicasets").filter(([, r]) => r.spec.replicas || r.status?.replicas)].map(([key, w]) => ({
    key, text: `${w.kind} ${w.metadata.name} · ${w.status?.readyReplicas ?? w.status?.numberReady ?? w.status?.succeeded ?? 0} of ${w.spec.replicas ?? w.status?.desiredNumberScheduled ?? w.spec.completions ?? 1}`,
  }));
  return { nodes: [...nodes.values()], pending, services, ingresses, workloads };
}

export function yaml(value, indent = "") {
  const odd = /^[\s\-?:,[\]{}#&*!|>'"%@`]|: |:$| #|\s$|[\n\t]|^[-+.\d][\d.eE+_:-]*$|^\d{4}-\d\d|^0[xo]|^(true|false|null|yes|no|on|off|y|n|~)$/i; // would be read otherwise
  const scalar = (v) => (typeof v === "string" && (v === "" || odd.test(v)) ? JSON.stringify(v) : String(v));
  if (Array.isArray(value))
    return value.map((v) => (v && typeof v === "object" && Object.keys(v).length ? `${indent}- ${yaml(v, indent + "  ").trimStart()}` : `${indent}- ${typeof v === "object" ? JSON.stringify(v) : scalar(v)}\n`)).join("");
  return Object.entries(value).map(([name, v]) => {
    if (v && typeof v === "object" && Object.keys(v).length) return `${indent}${name}:\n${yaml(v, Array.isArray(v) ? indent : indent + "  ")}`;
    return `${indent}${name}: ${v && typeof v === "object" ? JSON.stringify(v) : scalar(v)}\n`;
  }).join("");
}

export function changes(old, now, path = "") {
  if (old === now || JSON.stringify(old) === JSON.stringify(now)) return [];
  const short = (v) => { const text = typeof v === "string" ? v : JSON.stringify(v); return text.length > 60 ? text.slice(0, 59) + "…" : text; };
  if (old === undefined) return [`+ ${path}: ${short(now)}`];
  if (now === undefined) return [`- ${path}: ${short(old)}`];
  if (old && now && typeof old === "object" && typeof now === "object" && Array.isArray(old) === Array.isArray(now) && (!Array.isArray(old) || old.length === now.length)) {
    const told = [];
    for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (/^resourceVersion$|Time$/.test(name)) continue; // bookkeeping
      const label = Array.isArray(now) ? `${path}[${now[name]?.type ?? now[name]?.name ?? name}]` : path ? `${path}.${name}` : name;
      told.push(...changes(old[name], now[name], label));
    }
    return told;
  }
  return [`${path}: ${short(old)} → ${short(now)}`];
}

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
};

export function mount(root, recording) {
  const shadowless = make("div", { class: "cpm", role: "region", "aria-label": "Map of the cluster", "data-lm-suppress-shortcuts": "true" });
  root.replaceChildren(make("style", {}, STYLE), shadowless);
  const view = new View(shadowless, recording);
  return view;
}

class View {
  constructor(el, recording) {
    this.el = el;
    this.id = `cpm${Math.random().toString(36).slice(2)}`;
    this.quiet = true; // heartbeats and Events are passed over
    this.boxes = new Map(); // id -> [element, what it shows]
    this.chosen = null;
    this.timer = null;
    this.load(recording);
    this.build();
    this.go(this.steps.length);
    this.resize = new ResizeObserver(() => this.wires());
    this.resize.observe(this.map);
    el.addEventListener("keydown", (event) => this.key(event));
  }

  load(recording) {
    Object.assign(this, unpack(recording)); // steps, state
    this.first = recording.first;
    this.at = 0; // so many steps have been done
    this.revisions = new Map(this.steps.filter((s) => !s.refused).map((s, i) => [s.revision, s]));
    this.steps.forEach((step, i) => (step.index = i));
  }

  build() {
    const button = (label, text, run) => make("button", { type: "button", "aria-label": label, title: label, onclick: run }, text);
    this.playButton = button("Play", "▶ play", () => this.toggle());
    this.speed = make("select", { "aria-label": "Speed", onchange: () => this.timer && this.play() }, ...SPEEDS.map((s) => make("option", { value: s, selected: s === 2 }, `${s} step${s === 1 ? "" : "s"}/s`)));
    this.slider = make("input", { type: "range", min: 0, max: this.steps.length, step: 1, "aria-label": "Step", oninput: () => { this.pause(); this.go(+this.slider.value); } });
    const noise = make("input", { type: "checkbox", onchange: () => { this.quiet = !noise.checked; this.draw(); } });
    this.place = make("span", { class: "cpm-key" });
    this.say = make("p", { class: "cpm-say", role: "status", "aria-live": "polite" });
    this.map = make("div", { class: "cpm-map" });
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("aria-hidden", "true");
    this.map.append(this.svg);
    this.rows = {};
    for (const row of ["internet", "ingresses", "services", "nodes", "server", "brain"]) this.map.append((this.rows[row] = make("div", { class: "cpm-row" })));
    this.side = make("div", { class: "cpm-side", tabindex: 0, role: "region", "aria-label": "What happens, and the object that is chosen" });
    this.log = make("div");
    this.detail = make("div");
    this.side.append(this.log, this.detail);
    this.el.append(
      make("div", { class: "cpm-bar", role: "toolbar", "aria-label": "Player" }, button("To the start", "|◀", () => this.jump(0)), button("One step back", "◀ step", () => this.step(-1)), this.playButton, button("One step on", "step ▶", () => this.step(1)), button("To the end", "▶|", () => this.jump(this.steps.length)), this.speed, this.slider, make("label", {}, noise, " heartbeats and Events"), this.place),
      this.say, make("div", { class: "cpm-body" }, this.map, this.side),
      make("div", { class: "cpm-key" }, "━ a write   ╍ its watch event, to who reacts   ", Object.entries(MARKS).map(([look, mark]) => `${mark} ${MEANING[look]}`).join("   "), "   Keys: space plays, ← → step, Home and End"),
    );
  }

  key(event) {
    if (/^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const act = { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), Home: () => this.jump(0), End: () => this.jump(this.steps.length), " ": () => this.toggle() }[event.key];
    if (!act || (event.key === " " && /^(BUTTON|SUMMARY)$/.test(event.target.tagName))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // Time ---------------------------------------------------------------------------------------------------------

  go(target) {
    while (this.at < target) { const s = this.steps[this.at++]; if (!s.refused) s.new ? this.state.set(s.key, s.new) : this.state.delete(s.key); }
    while (this.at > target) { const s = this.steps[--this.at]; if (!s.refused) s.old ? this.state.set(s.key, s.old) : this.state.delete(s.key); }
    this.draw();
  }
  jump(target) { this.pause(); this.go(target); }
  step(by) { this.pause(); this.move(by); }
  move(by) {
    let target = this.at + by;
    while (this.quiet && target > 0 && target < this.steps.length && NOISE.has(this.steps[target - 1].resource)) target += by;
    this.go(Math.max(0, Math.min(this.steps.length, target)));
  }
  toggle() { this.timer ? this.pause() : this.play(); }
  play() {
    clearInterval(this.timer);
    if (this.at >= this.steps.length) this.go(0);
    this.timer = setInterval(() => { this.move(1); if (this.at >= this.steps.length || !this.el.isConnected) this.pause(); }, 1000 / this.speed.value);
    this.buttons();
  }
  pause() { clearInterval(this.timer); this.timer = null; this.buttons(); }
  buttons() {
    this.playButton.textContent = this.timer ? "⏸ pause" : "▶ play";
    this.playButton.setAttribute("aria-label", this.timer ? "Pause" : "Play");
    this.say.setAttribute("aria-live", this.timer ? "off" : "polite");
  }

  // Drawing ------------------------------------------------------------------------------------------------------

  draw() {
    const step = this.steps[this.at - 1], shown = scene(this.state);
    const now = step ? `step ${this.at} of ${this.steps.length} · ${step.time.toFixed(2)} s${step.refused ? "" : ` · revision ${step.revision}`}` : `start of ${this.steps.length} steps`;
    this.slider.value = this.at;
    this.slider.setAttribute("aria-valuetext", now);
    this.place.textContent = now;
    const told = step && !step.refused && step.old && step.new ? changes(step.old, step.new) : [];
    this.say.textContent = step ? `${step.time.toFixed(2)} s  ${say(step)}${told.length ? " — " + told.slice(0, 2).join("; ") : ""}` : "The start. Press play, or step.";
    const chip = (o) => this.chip(o.key, o.text);
    const boxes = new Map();
    boxes.set("internet", ["internet", "", ["Internet · clients"]]);
    boxes.set("ingress", ["ingresses", "", shown.ingresses.length ? shown.ingresses.map(chip) : ["no Ingress"]]);
    boxes.set("service", ["services", "", shown.services.length ? shown.services.map(chip) : ["no Service"]]);
    if (shown.nodes.length <= FOLD) for (const node of shown.nodes) boxes.set(`node ${node.name}`, ["nodes", node.status === "Ready" ? "cpm-node" : "cpm-node down", this.nodeParts(node)]);
    else for (let i = 0; i < shown.nodes.length; i += FOLD) boxes.set(`group ${i}`, ["nodes", "cpm-node", this.groupParts(shown.nodes.slice(i, i + FOLD), i)]);
    this.home = new Map(shown.nodes.map((n, i) => [n.name, shown.nodes.length <= FOLD ? `node ${n.name}` : `group ${i - (i % FOLD)}`]));
    boxes.set("server", ["server", "brain", [{ title: "API server" }, "the only door to the state"]]);
    boxes.set("you", ["brain", "brain", [{ title: "you" }]]);
    const queue = shown.pending.slice(0, QUEUE).map((p) => this.podPart(p)), rest = shown.pending.length - queue.length;
    boxes.set("scheduler", ["brain", "brain", [{ title: "scheduler" }, ...(queue.length ? ["not on a node:", ...queue] : []), ...(rest ? [`and ${rest} more`] : [])]]);
    boxes.set("controllers", ["brain", "brain", [{ title: "controller manager" }, ...shown.workloads.map(chip)]]);
    boxes.set("etcd", ["brain", "brain", [{ title: "etcd" }, `revision ${this.revision()}`]]);
    for (const [id, [element]] of this.boxes) if (!boxes.has(id)) { element.remove(); this.boxes.delete(id); }
    for (const [id, [row, classes, parts]] of boxes) this.box(id, row, classes, parts);
    this.rows.nodes.style.flexWrap = shown.nodes.length > 3 ? "wrap" : "nowrap"; // a few stand side by side, however narrow
    const lit = new Set(step ? ["server", this.placeOf(step.by), ...(step.refused ? [] : ["etcd"])] : []);
    for (const [id, [element]] of this.boxes) element.classList.toggle("lit", lit.has(id));
    this.wires();
    this.drawLog();
    this.drawDetail();
  }

  revision() {
    for (let i = this.at - 1; i >= 0; i--) if (!this.steps[i].refused) return this.steps[i].revision;
    return this.first;
  }
  chip(key, text, look = "") { return { key, text, look, fresh: this.steps[this.at - 1]?.key === key, on: this.chosen === key }; }
  podPart(pod) {
    const more = [pod.restarts ? `↻${pod.restarts}` : "", pod.look === "ready" ? "" : pod.detail].filter(Boolean).join(" · ");
    return { ...this.chip(pod.key, `${pod.name} · ${pod.image}${more ? " · " + more : ""}`, pod.look), mark: MARKS[pod.look], meaning: MEANING[pod.look] };
  }
  nodeParts(node) { return [{ ...this.chip(node.key, `${node.name} · ${node.status}${node.cordoned ? " · cordoned" : ""}`), title: true }, ...(node.pods.length ? node.pods.map((p) => this.podPart(p)) : ["no Pods"])]; }
  groupParts(nodes, number) {
    const count = (items) => Object.entries(items.reduce((sum, name) => ({ ...sum, [name]: (sum[name] ?? 0) + 1 }), {})).map(([name, n]) => `${n} ${name}`).join(", ");
    const pods = nodes.flatMap((n) => n.pods), open = this.open === number;
    return [{ title: `${nodes[0].name} … ${nodes.at(-1).name}` }, count(nodes.map((n) => n.status)), `${pods.length} Pods: ${count(pods.map((p) => MEANING[p.look])) || "none"}`, { fold: number, text: open ? "▾ hide the nodes" : "▸ show the nodes", on: open }, ...(open ? nodes.flatMap((n) => this.nodeParts(n)) : [])];
  }

  box(id, row, classes, parts) {
    const shows = JSON.stringify([classes, parts]);
    const known = this.boxes.get(id);
    if (known?.[1] === shows) return;
    const element = known?.[0] ?? make("div", { "data-box": id });
    element.className = `cpm-box ${classes}`;
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    element.replaceChildren(...parts.map((part) => {
      if (typeof part === "string") return make("div", {}, part);
      if (!part.text) return make("div", { class: "cpm-title" }, part.title);
      const mark = part.mark ? make("span", { class: part.look, "aria-label": part.meaning, role: "img" }, part.mark) : "";
      const run = part.key ? () => this.choose(part.key) : () => { this.open = part.on ? null : part.fold; this.draw(); };
      return make("button", { type: "button", class: `${part.title ? "cpm-title " : ""}${part.fresh ? "new" : ""}`, "data-key": part.key ?? `fold ${part.fold}`, "aria-pressed": part.key ? String(part.on) : null, "aria-expanded": part.key ? null : String(part.on), title: part.meaning ?? null, onclick: run }, mark, mark ? " " : "", part.text);
    }));
    if (!known) this.rows[row].append(element);
    if (focused) [...element.querySelectorAll("button")].find((b) => b.dataset.key === focused)?.focus();
    this.boxes.set(id, [element, shows]);
  }

  placeOf(who) { return who.startsWith("kubelet ") ? this.home.get(who.slice(8)) ?? "nodes" : PLACES[who] ?? (who === SERVER ? "server" : "you"); }

  // Lines between boxes, straight down where boxes stand above each other, around at the side for the Ingress.
  wires() {
    const area = this.map.getBoundingClientRect(), paths = [];
    if (!area.width) return;
    const rect = (id) => { const r = this.boxes.get(id)?.[0].getBoundingClientRect(); return r && { x: r.left - area.left, y: r.top - area.top, w: r.width, h: r.height }; };
    const step = this.steps[this.at - 1];
    const writer = step && this.placeOf(step.by), heard = new Set(step ? step.heard.map((who) => this.placeOf(who)) : []);
    const down = (a, b) => { const p = rect(a), q = rect(b); return p && q && `M${p.x + p.w / 2},${p.y + p.h + 4}L${q.x + q.w / 2},${q.y - 4}`; };
    const around = (a, side) => { const p = rect(a), q = rect("server"); if (!p || !q) return null; const x = side ? area.width - 6 - 9 * side : 8; return `M${p.x + p.w + 4},${p.y + p.h / 2}H${x}V${q.y + q.h / 2}H${q.x + q.w + 4}`; };
    // [box, path, where the API server is on it]
    const links = [["ingress", around("ingress", 1), "end"], ["service", around("service", 2), "end"]];
    for (const id of this.boxes.keys()) {
      if (/^(node|group) /.test(id)) { if (id[0] === "n") paths.push([down("service", id), ""]); links.push([id, down(id, "server"), "end"]); }
      else if (["you", "scheduler", "controllers", "etcd"].includes(id)) links.push([id, down("server", id), "start"]);
    }
    paths.push([down("internet", "ingress"), ""], [down("ingress", "service"), ""]);
    for (const [id, d] of links) if (id[0] !== "g") paths.push([d, ""]); // of many nodes only those that light up
    const other = { start: "end", end: "start" };
    for (const [id, d, server] of links) {
      if (heard.has(id)) paths.push([d, "watch", other[server]]);
      if (id === writer) paths.push([d, "write", server]);
      if (id === "etcd" && step && !step.refused) paths.push([d, "write", other[server]]);
    }
    this.svg.innerHTML = ["write", "watch"].map((name) => `<marker id="${this.id}-${name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="12" markerHeight="12" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0L8,4L0,8z" class="head ${name}"/></marker>`).join("") + paths.filter(([d]) => d).map(([d, name, head]) => `<path d="${d}" class="${name}"${head ? ` marker-${head}="url(#${this.id}-${name})"` : ""}/>`).join("");
  }

  // The side -----------------------------------------------------------------------------------------------------

  line(step, current) {
    return make("li", { "aria-current": current ? "step" : null }, make("button", { type: "button", onclick: () => this.jump(step.index + 1) }, `${step.time.toFixed(2)} s  ${say(step)}`));
  }

  drawLog() {
    const near = [];
    for (let i = this.at - 1; i >= 0 && near.length < 5; i--) if (i === this.at - 1 || !this.quiet || !NOISE.has(this.steps[i].resource)) near.unshift(this.steps[i]);
    for (let i = this.at, more = 0; i < this.steps.length && more < 3; i++) if (!this.quiet || !NOISE.has(this.steps[i].resource)) { near.push(this.steps[i]); more++; }
    this.log.replaceChildren(make("h4", {}, "What happens"), make("ol", {}, ...near.map((s) => this.line(s, s.index === this.at - 1))));
  }

  choose(key) { this.chosen = this.chosen === key ? null : key; this.draw(); }

  drawDetail() {
    const key = this.chosen;
    if (!key) return this.detail.replaceChildren(make("p", { class: "cpm-key" }, "Choose a Pod, a node, the Service ... for its YAML, its Events and who changed it."));
    const obj = this.state.get(key), writes = [];
    for (let i = this.at - 1; i >= 0 && writes.length < 8; i--) if (this.steps[i].key === key) writes.push(this.steps[i]);
    const title = make("h4", {}, obj ? `${obj.kind} ${nameOf(key)}` : `${nameOf(key)} is not there at this step`);
    const parts = [title];
    if (writes.length) {
      const last = writes[0];
      parts.push(make("p", {}, `Last changed by ${last.by}, revision ${last.revision}, at ${last.time.toFixed(2)} s:`), make("pre", {}, last.old && last.new ? changes(last.old, last.new).slice(0, 12).join("\n") || "nothing that is shown" : last.new ? "it was made" : "it was removed"));
      const chain = [];
      for (let s = last; s && chain.length < 12; s = this.revisions.get(s.cause)) chain.push(s);
      parts.push(make("h4", {}, "Why: what led to it, backwards"), make("ol", {}, ...chain.map((s) => this.line(s))), make("h4", {}, "Its writes, the newest first"), make("ol", {}, ...writes.map((s) => this.line(s))));
    }
    if (obj) {
      const events = [...this.state].filter(([k, e]) => k.startsWith("/registry/events/") && (e.involvedObject ?? e.regarding)?.name === obj.metadata.name).map(([, e]) => e);
      parts.push(make("h4", {}, "Events"), make("ul", {}, ...(events.length ? events.map((e) => make("li", {}, `${e.reason}: ${e.message ?? e.note ?? ""}`)) : [make("li", {}, "none")])), make("h4", {}, "YAML"), make("pre", { tabindex: 0 }, yaml(obj)));
    }
    this.detail.replaceChildren(...parts);
  }
}

export default {
  render({ model, el }) {
    const show = () => mount(el, JSON.parse(model.get("recording")));
    show();
    model.on("change:recording", show);
  },
};
