import { useState } from "preact/hooks";

import { NewPasswordField } from "~/account/NewPasswordField";
import { api } from "~/api/client";
import { type ApiError, toApiError } from "~/api/errors";
import { useTexts } from "~/i18n/language";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice } from "~/ui/Notice";

/** Form that creates the first administrator with the token that the server printed, and logs in. */
export function SetupForm({ token, onDone, onCancel }: { token: string; onDone: () => void; onCancel: () => void }) {
  const { login: texts } = useTexts();
  const { logIn } = useSession();
  const [login, setLogin] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);

  async function create(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await api.POST("/auth/setup", {
        body: { token, login: login.trim(), password, ...(name.trim() ? { name: name.trim() } : {}) },
      });
      await logIn(login.trim(), password);
      onDone();
    } catch (problem) {
      setError(toApiError(problem));
      setBusy(false);
    }
  }

  const isAtField = ["login", "password", "name"].some((field) => error?.fieldMessage(field));
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <p>{texts.setupHint}</p>
      {error && !isAtField ? <ErrorNotice error={error} /> : null}
      <TextField
        label={texts.login}
        type="email"
        autocomplete="username"
        value={login}
        onInput={setLogin}
        error={error?.fieldMessage("login")}
        required
      />
      <TextField
        label={texts.name}
        autocomplete="name"
        value={name}
        onInput={setName}
        error={error?.fieldMessage("name")}
      />
      <NewPasswordField
        label={texts.password}
        value={password}
        onInput={setPassword}
        error={error?.fieldMessage("password")}
      />
      <Button kind="main" type="submit" disabled={isBusy}>
        {texts.setupSubmit}
      </Button>
      <Button kind="plain" onClick={onCancel}>
        {texts.toLogin}
      </Button>
    </form>
  );
}
