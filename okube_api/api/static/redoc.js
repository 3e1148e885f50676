// ReDoc over this server's own document.
window.addEventListener("load", () => {
  Redoc.init("openapi.json", { hideDownloadButtons: false, jsonSamplesExpandLevel: 4 }, document.getElementById("docs"));
});
