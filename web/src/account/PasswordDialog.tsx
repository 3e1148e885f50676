import { useState } from "preact/hooks";

import { api } from "~/api/client";
import { type ApiError, toApiError } from "~/api/errors";
import { useTexts } from "~/i18n/language";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { TextField } from "~/ui/Field";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { runWithCaptcha } from "./captcha";
import { NewPasswordField } from "./NewPasswordField";

/** Change of one's own password; the session goes on with the new one. */
export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const { account, common, login: loginTexts } = useTexts();
  const { me, logIn } = useSession();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [isLocked, setLocked] = useState(false);
  const [isDone, setDone] = useState(false);

  async function change(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await runWithCaptcha(
        async (captchaPayload) => {
          await api.POST("/auth/password", {
            body: { current, new: next, ...(captchaPayload ? { captchaPayload } : {}) },
          });
        },
        () => {
          setLocked(true);
        },
      );
      await logIn(me?.user.login ?? "", next); // the change has ended all sessions, this one, too
      setDone(true);
    } catch (problem) {
      setError(toApiError(problem));
    } finally {
      setLocked(false);
      setBusy(false);
    }
  }

  const wrongPassword = error?.status === 403 && error.code === "forbidden" ? account.wrongPassword : undefined;
  const isAtField = wrongPassword ?? error?.fieldMessage("current") ?? error?.fieldMessage("new");
  return (
    <Dialog title={account.changePassword} onClose={onClose}>
      {isDone ? (
        <>
          <Notice kind="good">{account.passwordChanged}</Notice>
          <div class="row">
            <Button kind="main" onClick={onClose}>
              {common.close}
            </Button>
          </div>
        </>
      ) : (
        <form
          class="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void change();
          }}
        >
          <p>{account.passwordEnds}</p>
          {isLocked ? <Notice>{loginTexts.locked}</Notice> : null}
          {error && !isAtField ? <ErrorNotice error={error} /> : null}
          <TextField
            label={account.currentPassword}
            type="password"
            autocomplete="current-password"
            value={current}
            onInput={setCurrent}
            error={wrongPassword ?? error?.fieldMessage("current")}
            required
          />
          <NewPasswordField
            label={account.newPassword}
            value={next}
            onInput={setNext}
            error={error?.fieldMessage("new")}
          />
          <div class="row">
            <Button kind="main" type="submit" disabled={isBusy}>
              {account.changePassword}
            </Button>
            <Button onClick={onClose}>{common.cancel}</Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
