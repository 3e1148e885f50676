import { useState } from "preact/hooks";

import { api } from "~/api/client";
import { type ApiError, toApiError } from "~/api/errors";
import { useLanguage } from "~/i18n/language";
import { type Me, useSession } from "~/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice, Notice } from "~/ui/Notice";

type Invitation = Me["invitations"][number];

/** Invitations of other applications, to accept or to decline; nothing where there are none. */
export function Invitations() {
  const { me } = useSession();
  return (
    <>
      {(me?.invitations ?? []).map((invitation) => (
        <PendingInvitation key={invitation._id} invitation={invitation} />
      ))}
    </>
  );
}

function PendingInvitation({ invitation }: { invitation: Invitation }) {
  const { texts, formats } = useLanguage();
  const { account, manage } = texts;
  const { reload } = useSession();
  const [token, setToken] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const { _id, application, role, expiresAt, tokenRequired } = invitation;

  async function answer(action: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await action();
      await reload();
    } catch (problem) {
      setError(toApiError(problem));
      setBusy(false);
    }
  }

  const params = { path: { invitation: _id } };
  return (
    <Notice>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void answer(() =>
            api.POST("/auth/invitations/{invitation}/accept", {
              params,
              ...(tokenRequired ? { body: { token: token.trim() } } : {}),
            }),
          );
        }}
      >
        <p>{account.invitedTo(application.name, manage.choices[role], formats.instant(expiresAt))}</p>
        {error ? <ErrorNotice error={error} /> : null}
        {tokenRequired ? (
          <TextField
            label={account.invitationToken}
            hint={account.tokenHint}
            value={token}
            onInput={setToken}
            required
          />
        ) : null}
        <div class="row">
          <Button kind="main" type="submit" disabled={isBusy}>
            {account.accept}
          </Button>
          <Button
            disabled={isBusy}
            onClick={() => void answer(() => api.POST("/auth/invitations/{invitation}/decline", { params }))}
          >
            {account.decline}
          </Button>
        </div>
      </form>
    </Notice>
  );
}
