// The form of a fabric says at once whether the source that was entered can be synced. The list of repositories is
// a select2, which tells of a choice through jQuery only.
window.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("check-source");
  if (button) {
    django
      .jQuery("#id_git_repository, #id_gitops_directory")
      .on("change", () => htmx.trigger(button, "check"));
  }
});
