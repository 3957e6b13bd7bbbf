// The page of a shot: its panels, explanations, the testbed as it was, and the keys.
"use strict";
{
  const host = document.getElementById("panels"), shot = Number(host.dataset.shot);
  const dialog = document.getElementById("explain");
  const make = (tag, text, parent, cls) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (cls) element.className = cls;
    parent?.append(element);
    return element;
  };

  async function explain(signal, number, at) {
    const heading = dialog.querySelector("h2"), body = dialog.querySelector(".body");
    heading.textContent = at === undefined ? `${signal} in shot ${number}` : `${signal} in shot ${number} at ${read(at)} s`;
    body.textContent = "…";
    if (!dialog.open) dialog.showModal();
    try {
      const query = at === undefined ? "" : `?at=${at}`;
      const told = await (await ask(`/api/shots/${number}/signals/${encodeURIComponent(signal)}/explain${query}`)).json();
      body.replaceChildren();
      if (!told.rows.length) return void make("pre", told.text, body);
      const table = make("table", undefined, body, "explained");
      for (const [what, how, who] of told.rows) {
        const row = table.insertRow();
        make("th", what.trim(), row).style.paddingLeft = `${0.7 + (what.length - what.trimStart().length) * 0.6}rem`;
        const said = make("td", how, row, "long");
        if (who) make("div", who, said, "faint who");
      }
    } catch (error) {
      body.textContent = error.message;
    }
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-explain]");
    if (button) explain(button.dataset.explain, shot);
    if (event.target === dialog) dialog.close();
  });

  function branch(part, parent, open) {
    const inside = part.parts.length || Object.keys(part.properties).length || Object.keys(part.signals).length;
    const holder = make(inside ? "details" : "div", undefined, parent, "part");
    if (inside && open) holder.open = true;
    const line = make(inside ? "summary" : "span", undefined, holder);
    make("strong", part.name, line);
    make("span", ` ${part.kind}`, line, "faint");
    const said = [...Object.entries(part.signals).map(([role, name]) => [role, name]), ...Object.entries(part.properties)];
    if (said.length) {
      const list = make("dl", undefined, holder, "said");
      for (const [name, value] of said) make("dt", name, list), make("dd", value, list);
    }
    part.parts.forEach((child) => branch(child, holder, false));
  }
  const testbed = document.getElementById("testbed");
  testbed.addEventListener("toggle", async () => {
    const tree = testbed.querySelector(".tree");
    if (!testbed.open || tree.childElementCount) return;
    try {
      const { roots } = await (await ask(`/api/shots/${shot}/testbed`)).json();
      tree.replaceChildren();
      roots.forEach((root) => branch(root, tree, true));
    } catch (error) {
      tree.textContent = error.message;
    }
  });

  if (host.dataset.charts) {
    const layout = host.dataset.layout ? `?layout=${encodeURIComponent(host.dataset.layout)}` : "";
    ask(`/api/shots/${shot}${layout}`).then((answer) => answer.json()).then(async (told) => {
      const others = host.dataset.with.split(",").filter(Boolean).map(Number);
      const group = new Panels(host, {
        panels: told.panels, shots: [shot, ...others],
        onZoom: (seen) => {
          const query = new URLSearchParams(location.search);
          for (const [key, i] of [["from", 0], ["to", 1]]) seen ? query.set(key, read(seen[i])) : query.delete(key);
          history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
        },
        onClick: (one, at) => explain(one.name, one.shot, at),
      });
      window.panels = group;
      panelKeys(group);
      host.addEventListener("at", (event) => (document.getElementById("at").textContent = `${read(event.detail)} s`));
      const { since, until } = host.dataset;
      await group.load();
      if (since && until) await group.zoom(Number(since), Number(until));
      document.body.dataset.drawn = "yes";
      document.getElementById("tools").addEventListener("click", (event) => {
        const act = { in: () => group.widen(0.5), out: () => group.widen(2), left: () => group.pan(-0.4), right: () => group.pan(0.4), all: () => group.zoom() };
        act[event.target.dataset.zoom]?.();
      });
    }).catch((error) => make("p", error.message, host, "error"));
  }

  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog") || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel) document.querySelector(`a[rel=${rel}]`)?.click();
  });
}
