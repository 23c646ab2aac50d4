// select2 puts boxes of its own before a list and leaves the list's label behind. It does so some time after the page
// has loaded.
new MutationObserver(() => {
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
}).observe(document, { childList: true, subtree: true });
