// The table of shots: filtered as one types, sorted, longer as one scrolls, and described.
"use strict";
{
  const table = document.getElementById("shots"), body = table.tBodies[0];
  const where = document.getElementById("where"), said = document.getElementById("said");
  const total = document.getElementById("total"), more = document.getElementById("more");
  const operator = table.dataset.operator === "yes", rows = Number(table.dataset.rows);
  const chosen = new Set();
  let order = document.getElementById("order").value, edit = Number(table.dataset.edit), count = Number(table.dataset.total);
  let kinds = [...table.tHead.rows[0].cells].filter((c) => c.dataset.name).map((c) => ({ name: c.dataset.name, kind: c.dataset.kind }));
  let columns = null, request = null, filling = false, last = null;

  const address = (extra = {}) => {
    const query = new URLSearchParams();
    if (where.value.trim()) query.set("where", where.value.trim());
    if (order !== "-Shot") query.set("order", order);
    if (columns) query.set("columns", columns.join(","));
    for (const [key, value] of Object.entries(extra)) query.set(key, value);
    const text = query.toString();
    return text ? `?${text}` : "";
  };

  function cell(column, value, stale) {
    const td = document.createElement(column.name === "Shot" ? "th" : "td");
    if (column.kind === "number") td.className = "number";
    if (column.name === "Shot") {
      td.scope = "row";
      const link = td.appendChild(document.createElement("a"));
      link.href = `${prefix}/shots/${value}`;
      link.textContent = value;
    } else if (stale) {
      td.className = "faint";
      td.title = "out of date; compute it again with: gilgamesh refresh";
      td.textContent = "out of date";
    } else if (value === null) td.textContent = "–";
    else if (column.kind === "date") {
      const time = td.appendChild(document.createElement("time"));
      time.dateTime = value;
      localTime(time);
    } else if (column.name === "Status") {
      const status = td.appendChild(document.createElement("span"));
      status.className = `status ${value}`;
      status.textContent = value;
    } else td.textContent = shown(value);
    return td;
  }

  function add(answer) {
    const stale = new Set(answer.stale.map(([shot, name]) => `${shot} ${name}`));
    for (const row of answer.rows) {
      const tr = document.createElement("tr");
      tr.dataset.shot = row[0];
      if (operator) {
        const pick = tr.insertCell();
        pick.className = "pick";
        const box = pick.appendChild(document.createElement("input"));
        box.type = "checkbox";
        box.checked = chosen.has(row[0]);
        box.setAttribute("aria-label", `Choose shot ${row[0]}`);
        tr.classList.toggle("chosen", box.checked);
      }
      answer.columns.forEach((column, i) => tr.append(cell(column, row[i], stale.has(`${row[0]} ${column.name}`))));
      body.append(tr);
    }
  }

  function head(answer) {
    const line = table.tHead.rows[0];
    [...line.cells].filter((c) => c.dataset.name).forEach((c) => c.remove());
    for (const column of answer.columns) {
      const th = document.createElement("th");
      th.dataset.name = column.name;
      if (column.kind === "number") th.className = "number";
      if (order.replace(/^-/, "") === column.name) th.setAttribute("aria-sort", order.startsWith("-") ? "descending" : "ascending");
      const link = th.appendChild(document.createElement("a"));
      link.href = "#";
      link.title = column.description || "Sort";
      link.textContent = column.name;
      if (column.unit) link.insertAdjacentHTML("beforeend", " <small></small>"), (link.lastChild.textContent = `[${column.unit}]`);
      line.append(th);
    }
    kinds = answer.columns;
  }

  async function load() {
    request?.abort();
    const mine = (request = new AbortController());
    try {
      const answer = await (await ask(`/api/shots${address({ rows })}`, { signal: mine.signal })).json();
      if (mine !== request) return;
      said.hidden = true;
      body.replaceChildren();
      ({ edit, total: count } = answer);
      head(answer);
      add(answer);
      total.textContent = `${count} shot${count === 1 ? "" : "s"}`;
      history.replaceState(null, "", location.pathname + address());
      mark();
    } catch (error) {
      if (error.name === "AbortError") return;
      said.textContent = error.message; // what was found before stays
      said.hidden = false;
    }
  }

  async function fill() {
    if (filling || body.rows.length >= count) return;
    filling = true;
    try {
      const asked = address();
      const answer = await (await ask(`/api/shots${address({ rows: 300, first: body.rows.length })}`)).json();
      if (asked === address()) add(answer);
    } catch (error) {
      more.textContent = error.message;
    } finally {
      filling = false;
      mark();
    }
  }

  function mark() {
    more.textContent = body.rows.length < count ? `${body.rows.length} of ${count}` : "";
  }

  new IntersectionObserver((seen) => seen[0].isIntersecting && fill(), { rootMargin: "1500px" }).observe(more);
  mark();

  let pause;
  where.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(load, 180);
  });
  document.getElementById("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  document.querySelector(".choose").addEventListener("change", () => {
    columns = [...document.querySelectorAll(".choose input:checked")].map((box) => box.value);
    load();
  });
  table.tHead.addEventListener("click", (event) => {
    const name = event.target.closest("th[data-name]")?.dataset.name;
    if (!name) return;
    event.preventDefault();
    order = order === `-${name}` ? name : order === name ? `-${name}` : name === "Shot" || name === "Date" ? `-${name}` : name;
    load();
  });

  if (operator) {
    const tray = document.getElementById("describe"), attribute = document.getElementById("attribute");
    const value = document.getElementById("value"), done = document.getElementById("done"), all = document.getElementById("all");

    const update = () => {
      tray.hidden = chosen.size === 0 && !done.textContent;
      document.getElementById("chosen").textContent = chosen.size === 1 ? `Shot ${[...chosen][0]}` : `${chosen.size} shots`;
      for (const tr of body.rows) {
        const on = chosen.has(Number(tr.dataset.shot));
        tr.classList.toggle("chosen", on);
        tr.querySelector("input").checked = on;
      }
    };
    body.addEventListener("click", (event) => {
      const box = event.target.closest(".pick input");
      if (!box) return;
      const tr = box.closest("tr"), on = box.checked, trs = [...body.rows];
      const [from, to] = event.shiftKey && last?.isConnected ? [trs.indexOf(last), trs.indexOf(tr)].sort((a, b) => a - b) : [trs.indexOf(tr), trs.indexOf(tr)];
      for (const one of trs.slice(from, to + 1)) on ? chosen.add(Number(one.dataset.shot)) : chosen.delete(Number(one.dataset.shot));
      last = tr;
      done.textContent = "";
      update();
    });
    all.addEventListener("change", async () => {
      chosen.clear();
      done.textContent = "";
      if (all.checked) {
        for (let first = 0; first < count; first += 1000) {
          const query = new URLSearchParams({ columns: "Shot", rows: 1000, first, where: where.value.trim() });
          for (const [shot] of (await (await ask(`/api/shots?${query}`)).json()).rows) chosen.add(shot);
        }
      }
      update();
    });
    document.getElementById("none").addEventListener("click", () => {
      chosen.clear();
      all.checked = false;
      done.textContent = "";
      update();
    });
    const field = () => {
      const kind = attribute.selectedOptions[0].dataset.kind;
      value.replaceChildren();
      let input;
      if (kind === "boolean") {
        input = document.createElement("select");
        for (const [word, label] of [["true", "yes"], ["false", "no"], ["", "not said"]]) input.add(new Option(label, word));
      } else {
        input = document.createElement("input");
        if (kind === "number") (input.type = "number"), (input.step = "any");
        input.placeholder = "empty: not said";
      }
      input.setAttribute("aria-label", "Value");
      value.append(input);
    };
    attribute.addEventListener("change", field);
    field();
    tray.addEventListener("submit", async (event) => {
      event.preventDefault();
      const kind = attribute.selectedOptions[0].dataset.kind, text = value.firstChild.value.trim();
      const meant = text === "" ? null : kind === "number" ? Number(text) : kind === "boolean" ? text === "true" : text;
      const button = tray.querySelector("button.main");
      button.disabled = true;
      done.className = "";
      try {
        await ask("/api/shots/describe", {
          method: "POST",
          json: { shots: [...chosen], said: { [attribute.value]: meant }, reason: document.getElementById("reason").value, edit },
        });
        const n = chosen.size;
        chosen.clear();
        all.checked = false;
        await load();
        done.textContent = `Stated for ${n} shot${n === 1 ? "" : "s"}.`;
      } catch (error) {
        done.className = "bad";
        done.textContent = error.message;
        if (error.status === 409) await load();
      } finally {
        button.disabled = false;
        update();
      }
    });
  }
}
