// Renews the dashboard while somebody looks at it, and says so when it cannot.
"use strict";

const dashboard = document.getElementById("dashboard");
const renewal = document.getElementById("dashboard-renewal");
let seenAt = new Date();

async function renew() {
  // Not under somebody's hands: what has the focus, or is opened, would be gone.
  if (document.hidden || dashboard.contains(document.activeElement) || dashboard.querySelector("details[open]")) {
    return;
  }
  try {
    const answer = await fetch(dashboard.dataset.url, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
    if (!answer.ok) {
      throw new Error(answer.statusText);
    }
    dashboard.innerHTML = await answer.text();
    seenAt = new Date();
    renewal.textContent = "";
  } catch {
    renewal.textContent = `The server does not answer: this is how it was at ${seenAt.toLocaleTimeString()}.`;
  }
}

setInterval(renew, 1000 * Number(dashboard.dataset.seconds));
document.addEventListener("visibilitychange", renew);
