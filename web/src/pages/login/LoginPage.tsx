import { useState } from "preact/hooks";

import { ApiError } from "~/api/errors";
import { useLanguage } from "~/i18n/language";
import icon from "~/icon.svg";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice, Notice } from "~/ui/Notice";

import "./login.css";

/** Log in by password or by API key. */
export function LoginPage() {
  const { texts } = useLanguage();
  const { logIn, logInByKey, hasEnded } = useSession();
  const [isByKey, setByKey] = useState(false);
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [key, setKey] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if (isByKey) await logInByKey(key.trim());
      else await logIn(login, password);
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main class="login">
      <form class="card stack" onSubmit={(event) => void submit(event)}>
        <div class="row">
          <img src={icon} width={32} height={32} alt="" />
          <h1>{texts.login.title}</h1>
        </div>
        {hasEnded ? <Notice>{texts.login.ended}</Notice> : null}
        {error ? (
          <ErrorNotice error={error.status === 401 && isByKey ? new ApiError(401, texts.login.badKey) : error} />
        ) : null}
        {isByKey ? (
          <TextField
            label={texts.login.key}
            hint={texts.login.keyHint}
            type="password"
            value={key}
            onInput={setKey}
            autocomplete="off"
            required
          />
        ) : (
          <>
            <TextField
              label={texts.login.login}
              type="email"
              value={login}
              onInput={setLogin}
              autocomplete="username"
              required
            />
            <TextField
              label={texts.login.password}
              type="password"
              value={password}
              onInput={setPassword}
              autocomplete="current-password"
              required
            />
          </>
        )}
        <Button kind="main" type="submit" disabled={isBusy}>
          {texts.login.submit}
        </Button>
        <Button
          kind="plain"
          onClick={() => {
            setByKey(!isByKey);
          }}
        >
          {isByKey ? texts.login.byPassword : texts.login.byKey}
        </Button>
      </form>
    </main>
  );
}
