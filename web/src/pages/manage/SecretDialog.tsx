import type { Fields } from "~/api/documents";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { ROOT } from "~/root";
import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/CopyButton";
import { Dialog } from "~/ui/Dialog";
import { Field } from "~/ui/Field";
import { Notice } from "~/ui/Notice";

/** Shows once what the server never says again: the token of a new API key, or the link of an invitation. */
export function SecretDialog({
  section,
  document,
  onClose,
}: {
  section: "users" | "keys";
  document: Fields;
  onClose: () => void;
}) {
  const { texts, formats } = useLanguage();
  const { manage, common } = texts;
  const { timezone } = useApplication();
  const token = typeof document["token"] === "string" ? document["token"] : null;
  const isInvitation = section === "users";
  const secret = token && isInvitation ? invitationLink(token) : token;
  const login = String(document["login"] ?? "");
  const until = document["expiresAt"] ? formats.instant(String(document["expiresAt"]), timezone) : "";
  return (
    <Dialog title={isInvitation ? manage.invited(login) : manage.keyCreated} onClose={onClose}>
      {secret ? (
        <>
          <p>{isInvitation ? manage.invitationHint(login, until) : manage.keyHint}</p>
          <Field label={isInvitation ? manage.invitationLink : manage.keyToken}>
            {(attributes) => (
              <textarea
                {...attributes}
                class="input manage-secret"
                readOnly
                value={secret}
                onFocus={(event) => {
                  event.currentTarget.select();
                }}
              />
            )}
          </Field>
          <Notice kind="warning">{manage.shownOnce}</Notice>
        </>
      ) : (
        <p>{document["status"] === "pending" ? manage.invitationMailed(login, until) : manage.userAdded(login)}</p>
      )}
      <div class="row">
        {secret ? <CopyButton text={secret} /> : null}
        <Button kind="main" onClick={onClose}>
          {common.close}
        </Button>
      </div>
    </Dialog>
  );
}

/** Return the link on which an invited person chooses a password; servers do not see what is behind the `#`. */
function invitationLink(token: string): string {
  return `${location.origin}${ROOT}login#invitation=${encodeURIComponent(token)}`;
}
