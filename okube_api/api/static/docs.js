// Swagger UI over this server's own document; executing a login also authorises the requests after it.

// Fields of forms that may be left out start empty. Swagger UI would fill in and send values such as "string".
function clearOptionalFields(document) {
  for (const item of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(item)) {
      const schema = operation.requestBody?.content?.["multipart/form-data"]?.schema;
      const form = document.components.schemas[schema?.$ref?.split("/").pop()];
      for (const [name, field] of Object.entries(form?.properties ?? {})) {
        if (!form.required?.includes(name)) {
          delete field.examples; // they count more than the default
          field.default = field.type === "array" ? [] : "";
        }
      }
    }
  }
  return document;
}

const OptionalFields = {
  statePlugins: {
    spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(clearOptionalFields(document)) } },
  },
};

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
    plugins: [OptionalFields],
    responseInterceptor: (response) => {
      if (response.url.endsWith("/auth/login") && response.ok) {
        ui.preauthorizeApiKey("bearerAuth", response.body.auth.token);
      }
      return response;
    },
  });
});
