import { render } from "preact";

import { App } from "~/app";
import { LanguageProvider } from "~/i18n/language";
import { SessionProvider } from "~/session";
import { ThemeProvider } from "~/theme";

import "~/styles/tokens.css";
import "~/styles/base.css";
import "~/ui/ui.css";

render(
  <LanguageProvider>
    <ThemeProvider>
      <SessionProvider>
        <App />
      </SessionProvider>
    </ThemeProvider>
  </LanguageProvider>,
  document.getElementById("app") as HTMLElement,
);
