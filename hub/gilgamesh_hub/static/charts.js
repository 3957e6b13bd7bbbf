// Panels of curves over one time axis. Each shows minimum and maximum per pixel, so no spike is lost, and asks the
// server again for what is seen as one zooms. Curves of several shots lie over each other.
"use strict";

// Read an answer in the format of safetensors.
function tensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const found = { said: header.__metadata__ };
  for (const [name, one] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    found[name] = new (one.dtype === "F32" ? Float32Array : Float64Array)(buffer, 8 + length + one.data_offsets[0], one.shape[0]);
  }
  return found;
}

async function curve(shot, signal, { since, until, points, abort }) {
  const query = new URLSearchParams({ points });
  if (since !== undefined) query.set("from", since), query.set("to", until), query.set("around", 1);
  const answer = await ask(`/api/shots/${shot}/signals/${encodeURIComponent(signal)}/curve?${query}`, { signal: abort });
  const { time, low, high, said } = tensors(await answer.arrayBuffer());
  const start = Number(said.start), number = (v) => (Number.isFinite(v) ? v : null);
  return { unit: said.unit, data: [Array.from(time, (t) => start + t), Array.from(low, number), Array.from(high, number)] };
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A number as it is read off a chart.
function read(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}

// A number beside an axis, where there is little room.
function tick(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e") : String(Number(value.toPrecision(6)));
}

class Panels {
  // host: where they go; panels: as the server tells them; shots: their numbers, the first is the one looked at.
  constructor(host, { panels, shots, height = () => 190, onZoom = () => {}, onClick = null }) {
    Object.assign(this, { host, shots, height, onZoom, onClick, window: null, whole: null });
    this.panels = panels.map((told, i) => new Panel(this, told, i));
    this.sync = uPlot.sync(`panels-${Math.random()}`);
    let pause;
    this.observer = new ResizeObserver(() => {
      clearTimeout(pause);
      pause = setTimeout(() => this.resize(), 60);
    });
    this.observer.observe(host);
    document.addEventListener("theme", () => this.panels.forEach((panel) => panel.rebuild()));
  }

  async load() {
    await Promise.all(this.panels.map((panel) => panel.load()));
    this.panels.forEach((panel) => panel.scale()); // the longest record decides what is everything
  }

  show(shots) {
    this.shots = shots;
    this.whole = null;
    return this.load();
  }

  // What is seen: seconds, or null for everything.
  zoom(since = null, until = null) {
    this.window = since === null || !(until > since) ? null : [since, until];
    this.onZoom(this.window);
    this.panels.forEach((panel) => panel.scale());
    clearTimeout(this.pause);
    return new Promise((done) => (this.pause = setTimeout(() => this.load().then(done), 40)));
  }

  seen() {
    return this.window || this.whole || [0, 1];
  }

  widen(factor, at = null) {
    const [since, until] = this.seen(), middle = at ?? (since + until) / 2;
    const [a, b] = [middle - (middle - since) * factor, middle + (until - middle) * factor];
    return this.whole && a <= this.whole[0] && b >= this.whole[1] ? this.zoom() : this.zoom(a, b);
  }

  pan(part) {
    const [since, until] = this.seen(), by = (until - since) * part;
    return this.zoom(since + by, until + by);
  }

  extent(first, last) {
    this.whole = this.whole ? [Math.min(this.whole[0], first), Math.max(this.whole[1], last)] : [first, last];
  }

  resize() {
    this.panels.forEach((panel) => panel.resize());
  }

  close() {
    this.observer.disconnect();
    this.panels.forEach((panel) => panel.plot?.destroy());
  }
}

class Panel {
  constructor(group, told, place) {
    Object.assign(this, { group, told, place, plot: null, count: 0, curves: [] });
    this.element = group.host.appendChild(document.createElement("figure"));
    this.element.className = "panel";
    this.title = this.element.appendChild(document.createElement("figcaption"));
    this.area = this.element.appendChild(document.createElement("div"));
    this.area.className = "plot";
    this.area.style.minHeight = `${group.height()}px`;
  }

  async load() {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const asked = this.group.shots.flatMap((shot) => this.told.signals.map((name) => ({ shot, name })));
    const points = Math.min(4000, Math.max(200, Math.round(this.area.clientWidth * Math.min(devicePixelRatio || 1, 2))));
    const options = { points, abort: signal };
    if (this.group.window) {
      const [since, until] = this.group.window;
      Object.assign(options, { since, until });
    }
    const found = await Promise.all(
      asked.map(({ shot, name }) => curve(shot, name, options).catch((error) => (error.name === "AbortError" ? null : { error }))),
    );
    if (signal.aborted || found.includes(null)) return;
    this.curves = asked.map((one, i) => ({ ...one, ...found[i] }));
    const drawn = this.curves.filter((one) => one.data);
    this.element.classList.toggle("lacking", drawn.length < this.curves.length);
    if (!this.group.window) {
      for (const { data } of drawn) if (data[0].length) this.group.extent(data[0][0], data[0][data[0].length - 1]);
    }
    this.caption();
    this.drawn = drawn;
    this.data = drawn.length === 0 ? null : drawn.length === 1 ? drawn[0].data : uPlot.join(drawn.map((one) => one.data), drawn.map(() => [0, 1, 1]));
    if (this.plot && this.count === drawn.length && this.data) {
      this.plot.setData(this.data, false);
      this.scale();
    } else this.rebuild();
  }

  caption() {
    this.title.replaceChildren();
    const heading = this.title.appendChild(document.createElement("strong"));
    heading.textContent = this.told.title;
    for (const [i, one] of this.curves.entries()) {
      const key = this.title.appendChild(document.createElement("span"));
      key.className = "key";
      const mark = key.appendChild(document.createElement("i"));
      mark.style.background = one.data ? this.stroke(i) : "none";
      const several = [this.told.signals.length > 1 && one.name, this.group.shots.length > 1 && one.shot].filter(Boolean).join(" ");
      key.append(several ? `${several} ` : "");
      one.readout = key.appendChild(document.createElement("output"));
      if (one.error) {
        key.classList.add("faint");
        one.readout.textContent = one.error.status === 422 || one.error.status === 404 ? "nothing in this shot" : one.error.message;
        key.title = one.error.message;
      } else one.readout.textContent = one.unit || "1";
    }
  }

  stroke(i) {
    const alone = this.told.signals.length === 1 && this.group.shots.length === 1;
    return colour(`--curve-${((alone ? this.place : i) % 8) + 1}`);
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.area.replaceChildren();
    this.count = this.drawn?.length ?? 0;
    if (!this.data) return;
    const group = this.group, line = colour("--line"), faint = colour("--faint");
    const series = [{}], bands = [];
    this.drawn.forEach((one) => {
      const stroke = this.stroke(this.curves.indexOf(one));
      for (let side = 0; side < 2; side++) series.push({ stroke, width: 1.2, points: { show: false } });
      bands.push({ series: [series.length - 1, series.length - 2], fill: stroke });
    });
    const font = `${Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.72)}px ${colour("--sans")}`;
    const axis = { stroke: faint, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 } };
    const { low, high } = this.told;
    this.plot = new uPlot(
      {
        width: this.area.clientWidth, height: group.height(), series, bands, padding: [8, 14, 0, 0],
        scales: {
          x: { time: false, range: () => group.seen() },
          y: { range: (_, min, max) => { const [a, b] = uPlot.rangeNum(min ?? 0, max ?? 1, 0.06, true); return [low ?? a, high ?? b]; } },
        },
        axes: [{ ...axis, size: 26, space: 70 }, { ...axis, size: 58, space: 28, values: (_, ticks) => ticks.map((v) => (v === null ? "" : tick(v))) }],
        legend: { show: false },
        cursor: { sync: { key: group.sync.key, scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
        hooks: {
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            const since = u.posToVal(u.select.left, "x"), until = u.posToVal(u.select.left + u.select.width, "x");
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.selected = performance.now();
            group.zoom(since, until);
          }],
          setCursor: [(u) => this.readAt(u)],
        },
      },
      this.data,
      this.area,
    );
    const over = this.plot.over;
    over.addEventListener("dblclick", () => group.zoom());
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      group.widen((event.deltaY || event.deltaX) > 0 ? 1.35 : 1 / 1.35, this.plot.posToVal(event.offsetX, "x"));
    }, { passive: false });
    over.addEventListener("click", (event) => {
      if (!group.onClick || performance.now() - (this.selected ?? -1e9) < 300) return;
      const at = this.plot.posToVal(event.offsetX, "x"), y = this.plot.posToVal(event.offsetY, "y");
      const near = this.drawn.map((one, k) => [Math.abs((this.value(k, this.plot.posToIdx(event.offsetX))?.[0] ?? Infinity) - y), one]).sort((a, b) => a[0] - b[0])[0];
      if (near) group.onClick(near[1], at);
    });
  }

  // Minimum and maximum of a curve at a place of the joined data.
  value(k, i) {
    for (let back = i; back >= 0 && back > i - 60; back--) {
      const low = this.data[1 + 2 * k][back];
      if (low !== undefined) return low === null ? null : [low, this.data[2 + 2 * k][back]];
    }
    return null;
  }

  readAt(u) {
    const i = u.cursor.idx;
    this.drawn.forEach((one, k) => {
      const value = i === null || i === undefined || u.cursor.left < 0 ? null : this.value(k, i), unit = one.unit || "";
      one.readout.textContent = value === null ? unit || "1" : value[0] === value[1] ? `${read(value[0])} ${unit}` : `${read(value[0])} … ${read(value[1])} ${unit}`;
    });
    if (i !== null && i !== undefined && this.place === 0) this.group.host.dispatchEvent(new CustomEvent("at", { detail: u.data[0][i] }));
  }

  scale() {
    const [min, max] = this.group.seen();
    this.plot?.setScale("x", { min, max });
  }

  resize() {
    const height = this.group.height();
    this.area.style.minHeight = `${height}px`;
    this.plot?.setSize({ width: this.area.clientWidth, height });
  }
}

// Keys of a page with panels: zoom, pan, everything; neighbouring shots are the page's.
function panelKeys(group) {
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog") || event.altKey || event.ctrlKey || event.metaKey) return;
    const act = {
      "+": () => group.widen(0.5), "=": () => group.widen(0.5), "-": () => group.widen(2), 0: () => group.zoom(),
      ...(event.shiftKey ? { ArrowLeft: () => group.pan(-0.4), ArrowRight: () => group.pan(0.4) } : {}),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  });
}
