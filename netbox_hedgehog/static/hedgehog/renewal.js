// Pages that renew themselves, by htmx: not under somebody's hands, and they say so when they no longer can.
"use strict";

const renewal = document.getElementById("renewal");
let seenAt = new Date();
let signedOut = false;

function say(words) {
  if (!signedOut) {
    renewal.textContent = words;
  }
}

function sayUnanswered() {
  say(`The server does not answer: this is how it was at ${seenAt.toLocaleTimeString()}.`);
}

function saySignedOut() {
  const link = document.createElement("a");
  link.className = "text-link";
  link.href = location.href; // the way there leads through the sign-in, and back
  link.textContent = "Sign in again";
  say("You are signed out, and the page no longer renews itself. ");
  renewal.append(link);
  signedOut = true;
}

// What has the focus, or is opened, would be gone.
function isInUse(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (part.getAttribute("hx-trigger")?.startsWith("every")) {
    const others = part.getAttribute("hx-select-oob");
    const parts = [part, ...(others ? document.querySelectorAll(others) : [])];
    if (signedOut || document.hidden || parts.some(isInUse)) {
      event.preventDefault();
    }
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  // The browser follows the way to the sign-in by itself.
  if (new URL(event.detail.xhr.responseURL).pathname.endsWith("/login/")) {
    event.detail.shouldSwap = false;
    saySignedOut();
  } else if (event.detail.xhr.status < 400) {
    seenAt = new Date();
    say("");
  }
});

document.addEventListener("htmx:sendError", sayUnanswered);
document.addEventListener("htmx:responseError", sayUnanswered);
