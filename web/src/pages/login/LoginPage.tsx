import { useEffect, useState } from "preact/hooks";

import { hideLinkToken, type LinkToken } from "~/account/link";
import { runWithCaptcha } from "~/account/captcha";
import { ApiError, toApiError } from "~/api/errors";
import { type Language, LANGUAGES, useLanguage } from "~/i18n/language";
import icon from "~/icon.svg";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { InvitationForm } from "./InvitationForm";
import { SetupForm } from "./SetupForm";

import "./login.css";

/** Log in, accept the invitation of a link, or create the first administrator. */
export function LoginPage({ link, onLinkUsed }: { link: LinkToken | null; onLinkUsed: () => void }) {
  const { texts, language, setLanguage } = useLanguage();
  const [message, setMessage] = useState("");
  useEffect(() => {
    if (link) hideLinkToken();
  }, [link]);
  const title =
    link?.kind === "setup"
      ? texts.login.setupTitle
      : link?.kind === "invitation"
        ? texts.login.invitationTitle
        : texts.login.title;
  useEffect(() => {
    document.title = `${title} – Okube`;
  }, [title]);

  return (
    <main class="login">
      <div class="card stack">
        <div class="row">
          <img src={icon} width={32} height={32} alt="" />
          <h1>{title}</h1>
        </div>
        {link?.kind === "setup" ? (
          <SetupForm token={link.token} onCancel={onLinkUsed} onDone={onLinkUsed} />
        ) : link?.kind === "invitation" ? (
          <InvitationForm
            token={link.token}
            onCancel={onLinkUsed}
            onDone={() => {
              setMessage(texts.login.invitationAccepted);
              onLinkUsed();
            }}
          />
        ) : (
          <LoginForm message={message} />
        )}
      </div>
      <nav class="login-languages row" aria-label={texts.frame.language}>
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <button
            key={code}
            type="button"
            class="link"
            lang={code}
            aria-current={code === language ? "true" : undefined}
            onClick={() => {
              setLanguage(code as Language);
            }}
          >
            {name}
          </button>
        ))}
      </nav>
    </main>
  );
}

function LoginForm({ message }: { message: string }) {
  const { login: texts } = useLanguage().texts;
  const { logIn, logInByKey, hasEnded } = useSession();
  const [isByKey, setByKey] = useState(false);
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [key, setKey] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [isLocked, setLocked] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if (isByKey) await logInByKey(key.trim());
      else
        await runWithCaptcha(
          (captchaPayload) => logIn(login, password, captchaPayload),
          () => {
            setLocked(true);
          },
        );
    } catch (problem) {
      setError(toApiError(problem));
    } finally {
      setLocked(false);
      setBusy(false);
    }
  }

  return (
    <form class="stack" aria-busy={isBusy} onSubmit={(event) => void submit(event)}>
      {message ? <Notice kind="good">{message}</Notice> : hasEnded ? <Notice>{texts.ended}</Notice> : null}
      {isLocked ? <Notice>{texts.locked}</Notice> : null}
      {error ? <ErrorNotice error={error.status === 401 && isByKey ? new ApiError(401, texts.badKey) : error} /> : null}
      {isByKey ? (
        <TextField
          label={texts.key}
          hint={texts.keyHint}
          type="password"
          value={key}
          onInput={setKey}
          autocomplete="off"
          required
        />
      ) : (
        <>
          <TextField
            label={texts.login}
            type="email"
            value={login}
            onInput={setLogin}
            autocomplete="username"
            required
          />
          <TextField
            label={texts.password}
            type="password"
            value={password}
            onInput={setPassword}
            autocomplete="current-password"
            required
          />
        </>
      )}
      <Button kind="main" type="submit" disabled={isBusy}>
        {texts.submit}
      </Button>
      <Button
        kind="plain"
        onClick={() => {
          setByKey(!isByKey);
          setError(undefined);
        }}
      >
        {isByKey ? texts.byPassword : texts.byKey}
      </Button>
    </form>
  );
}
