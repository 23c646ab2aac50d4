// The form of a fabric says at once whether the source that was entered can be synced. The list of repositories is
// a select2, which tells of a choice through jQuery only.
window.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("check-source");
  const repository = document.getElementById("id_git_repository");
  if (button && repository) {
    django.jQuery("#id_git_repository, #id_gitops_directory").on("change", () => {
      if (repository.value) {
        htmx.trigger(button, "check");
      }
    });
  }
});
