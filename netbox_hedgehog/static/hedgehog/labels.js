// What the theme and Django's own scripts leave without a name that a screen reader could say. Some of it appears only
// some time after the page has loaded.

// select2 puts boxes of its own before a list and leaves the list's label behind.
function labelSearchedLists() {
  for (const container of document.querySelectorAll("select + .select2-container:not([data-labelled])")) {
    const label = container.previousElementSibling.labels[0];
    container.dataset.labelled = "";
    if (label) {
      label.id ||= `label-of-${label.htmlFor}`;
      for (const box of container.querySelectorAll(".select2-selection, .select2-selection__rendered")) {
        box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby") ?? ""}`.trim());
      }
    }
  }
}

// Of a moment's two inputs the label names neither.
function labelMoments() {
  for (const input of document.querySelectorAll(":is(.vDateField, .vTimeField):not([aria-label])")) {
    input.setAttribute("aria-label", input.placeholder);
  }
}

// A span may have a name only if it has a role.
function nameTooltips() {
  for (const mark of document.querySelectorAll("span.help-tooltip[aria-label]:not([role])")) {
    mark.setAttribute("role", "img");
  }
}

new MutationObserver(() => {
  labelSearchedLists();
  labelMoments();
  nameTooltips();
}).observe(document, { childList: true, subtree: true });
