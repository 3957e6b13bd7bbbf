// The landing page stays the last word: it is read again when a discharge comes.
"use strict";
{
  let known = null;
  const source = new EventSource(`${prefix}/api/follow`);
  source.addEventListener("told", async (event) => {
    const { shot } = JSON.parse(event.data);
    if (known === null || shot === known) return void (known = shot);
    known = shot;
    try {
      const page = new DOMParser().parseFromString(await (await ask("/")).text(), "text/html");
      document.getElementById("lately").replaceWith(page.getElementById("lately"));
      document.querySelectorAll("#lately time[datetime]").forEach(localTime);
    } catch {
      // The page says what was true when it was read; the next discharge, or reading it again, mends that.
    }
  });
  source.addEventListener("out", () => location.reload());
}
