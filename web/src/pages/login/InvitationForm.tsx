import { useState } from "preact/hooks";

import { runWithCaptcha } from "~/account/captcha";
import { NewPasswordField } from "~/account/NewPasswordField";
import { api } from "~/api/client";
import { ApiError, toApiError } from "~/api/errors";
import { useTexts } from "~/i18n/language";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice, Notice } from "~/ui/Notice";

/** Form that accepts an invitation: a new user chooses a password, one who has a login confirms it. */
export function InvitationForm({
  token,
  onDone,
  onCancel,
}: {
  token: string;
  onDone: () => void;
  onCancel: () => void;
}) {
  const { login: texts } = useTexts();
  const { me, reload } = useSession();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [isLocked, setLocked] = useState(false);

  async function accept(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await runWithCaptcha(
        async (captchaPayload) => {
          await api.POST("/auth/invitations/accept", {
            body: {
              token,
              password,
              ...(name.trim() ? { name: name.trim() } : {}),
              ...(captchaPayload ? { captchaPayload } : {}),
            },
          });
        },
        () => {
          setLocked(true);
        },
      );
      if (me) await reload();
      onDone();
    } catch (problem) {
      const shown = toApiError(problem);
      setError(shown.status === 401 ? new ApiError(401, texts.invitationLoginExists, shown.requestId) : shown);
      setBusy(false);
    } finally {
      setLocked(false);
    }
  }

  const isAtField = ["password", "name"].some((field) => error?.fieldMessage(field));
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void accept();
      }}
    >
      <p>{texts.invitationHint}</p>
      {isLocked ? <Notice>{texts.locked}</Notice> : null}
      {error && !isAtField ? <ErrorNotice error={error} /> : null}
      <TextField
        label={texts.name}
        hint={texts.invitationNameHint}
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
        {texts.invitationSubmit}
      </Button>
      <Button kind="plain" onClick={onCancel}>
        {texts.toLogin}
      </Button>
    </form>
  );
}
