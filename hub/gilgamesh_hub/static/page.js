// What every page can: light or dark, copying, and forms that are sent when something is chosen.
"use strict";

const prefix = document.body.dataset.prefix;

document.getElementById("theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `gilgamesh-theme=${root.dataset.theme}; path=${prefix || "/"}; max-age=31536000; samesite=lax`;
  document.dispatchEvent(new CustomEvent("theme"));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const field = button.parentElement.querySelector("input");
    field?.select();
    document.execCommand("copy");
  }
  button.textContent = "Copied";
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// A value as people write it; the same as on the server.
function shown(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e15) return value.toFixed(0);
  if (size >= 1e-4 && size < 1e4) return String(Number(value.toPrecision(4)));
  return value.toExponential(3).replace(/\.?0+e/, "e");
}

// Times in the zone of who reads them.
function localTime(element) {
  const at = new Date(element.dateTime), two = (n) => String(n).padStart(2, "0");
  if (Number.isNaN(at.getTime())) return;
  element.textContent = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
  element.title = at.toString();
}
document.querySelectorAll("time[datetime]").forEach(localTime);

// Ask one of our addresses; what goes wrong is thrown with the letter of the server.
async function ask(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (options.method && options.method !== "GET") headers["X-Xsrftoken"] = document.body.dataset.xsrf;
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(options.json);
  }
  let answer;
  try {
    answer = await fetch(prefix + path, { ...options, headers, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; what you did was not done.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    const error = new Error(said.error || `The server answered ${answer.status}.`);
    error.status = answer.status;
    throw error;
  }
  return answer;
}
