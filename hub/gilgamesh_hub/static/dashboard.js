// The last discharge on the wall. It comes by itself, a banner says when it may not be the last any more, and after any
// interruption the screen finds back by itself.
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const host = $("panels"), banner = $("banner");
  const layout = host.dataset.layout ? `?layout=${encodeURIComponent(host.dataset.layout)}` : "";
  let group = null, drawn = "", now = null, latest = null, following = true, busy = null, source = null, heard = Date.now(), quiet = "";
  const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  function size() {
    const n = group?.panels.length || 1, width = host.clientWidth, height = innerHeight - host.getBoundingClientRect().top - 10;
    const room = width < 700 ? 1 : Math.max(1, Math.round(Math.sqrt((n * width) / Math.max(height, 1) / 2.4)));
    const columns = Math.min(n, room), rows = Math.ceil(n / columns);
    host.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return Math.max(110, Math.floor((height - (rows - 1) * 0.5 * rem) / rows - 2.3 * rem));
  }

  async function show(shot) {
    busy = shot;
    let told;
    try {
      told = await (await ask(`/api/shots/${shot}${layout}`)).json();
    } catch (error) {
      if (busy === shot) say(error.message);
      return;
    }
    if (busy !== shot) return; // overtaken by the next one
    now = told;
    $("number").textContent = told.shot;
    $("about").textContent = [told.program, told.status === "complete" ? "" : told.status].filter(Boolean).join(" · ");
    $("facts").replaceChildren(...Object.entries(told.attributes).slice(0, 12).map(([name, value]) => {
      const div = document.createElement("div");
      div.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: shown(value) }));
      return div;
    }));
    age();
    const key = JSON.stringify(told.panels);
    if (key !== drawn) {
      group?.close();
      host.replaceChildren();
      drawn = key;
      group = new Panels(host, { panels: told.panels, shots: [shot], height: () => cell });
      cell = size();
      group.resize();
      await group.load();
    } else await group.show([shot]);
    if (busy === shot) document.body.dataset.drawn = shot;
  }
  let cell = 150;

  function age() {
    if (!now) return;
    const minutes = (Date.now() - new Date(now.started_at)) / 60000;
    const ago = minutes < 1 ? "just now" : minutes < 90 ? `${Math.round(minutes)} min ago` : minutes < 2880 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} days ago`;
    $("age").textContent = `${new Date(now.started_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })} · ${ago}`;
  }

  function say(text = "") {
    const earlier = !following && latest !== null ? (now && latest > now.shot ? `Shot ${latest} is there; this is ${now.shot}` : "Not following") : "";
    banner.textContent = text || quiet || earlier;
    banner.hidden = !banner.textContent;
    banner.classList.toggle("warn", Boolean(text || quiet));
    $("newest").hidden = following;
    document.body.dataset.banner = banner.textContent;
  }

  function go(shot) {
    if (shot === null || shot === undefined) return;
    following = shot === latest;
    say();
    show(shot);
  }

  function listen() {
    source?.close();
    source = new EventSource(`${prefix}/api/follow`);
    source.addEventListener("beat", () => alive());
    source.addEventListener("told", (event) => {
      const { shot, lost } = JSON.parse(event.data);
      alive(lost ? `The database is away since ${clock(Date.now())}: what you see may not be the last` : "");
      if (shot !== null && shot !== latest) {
        latest = shot;
        if (following) show(shot);
        else say();
      } else if (!lost && following && latest !== null && now?.shot !== latest) show(latest);
    });
    source.addEventListener("out", () => location.reload());
    source.addEventListener("error", async () => {
      if (!quiet) (quiet = `Disconnected since ${clock(Date.now())}: what you see may not be the last`), say();
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      try {
        await ask("/api/shots?rows=0");
      } catch (error) {
        if (error.status === 401) return void location.reload();
      }
      setTimeout(listen, 3000);
    });
  }

  function alive(text = "") {
    heard = Date.now();
    quiet = text;
    say();
  }
  setInterval(() => {
    age();
    if (Date.now() - heard > 25000 && !quiet) (quiet = `No sign of life from the server since ${clock(heard)}`), say(), listen();
  }, 5000);

  $("before").addEventListener("click", () => go(now?.previous));
  $("after").addEventListener("click", () => go(now?.next));
  $("newest").addEventListener("click", () => go(latest));
  const full = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen().catch(() => {}));
  $("full").addEventListener("click", full);
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select") || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    ({ ArrowLeft: () => go(now?.previous), ArrowRight: () => go(now?.next), End: () => go(latest), Escape: () => go(latest), f: full,
      "+": () => group?.widen(0.5), "-": () => group?.widen(2), 0: () => group?.zoom() })[event.key]?.();
  });
  addEventListener("resize", () => ((cell = size()), group?.resize()));
  listen();
}
