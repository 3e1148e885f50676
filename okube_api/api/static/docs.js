// Swagger UI over this server's own document; a login by "try it out" also authorises the requests after it.
window.addEventListener("load", () => {
  const ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    persistAuthorization: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    responseInterceptor: (response) => {
      if (response.url.endsWith("/auth/login") && response.ok) {
        ui.preauthorizeApiKey("bearerAuth", response.body.auth.token);
      }
      return response;
    },
  });
});
