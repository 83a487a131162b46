/* The token stands behind the "#", which browsers do not send: into the form with it, and out of the address. */
"use strict";
(function () {
  function enter() {
    const form = document.getElementById("invitation-code");
    const token = window.location.hash.slice(1);
    if (!form || !token.startsWith("sbi_")) {
      return;
    }
    window.history.replaceState(null, "", window.location.pathname);
    form.elements.token.value = token;
    form.requestSubmit();
  }
  window.addEventListener("hashchange", function () {
    if (!document.getElementById("invitation-code")) {
      window.location.reload();  // another link, opened on a page that has moved on
    }
    enter();
  });
  enter();
})();
