import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";

import { api, type Schemas } from "~/api/client";
import { type ApiError, toApiError } from "~/api/errors";
import { useTexts } from "~/i18n/language";
import { useSession } from "~/session";
import { pagePath } from "~/state/location";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice } from "~/ui/Notice";

import { makeKey } from "./applicationKey";

/** Form that creates an application and opens the page where its first files are brought. */
export function NewApplication({ onDone, onCancel }: { onDone?: () => void; onCancel?: () => void }) {
  const { account, common } = useTexts();
  const { reload } = useSession();
  const [, navigate] = useLocation();
  const [name, setName] = useState("");
  const [ownKey, setOwnKey] = useState<string | null>(null);
  const [timezone, setTimezone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [currency, setCurrency] = useState("EUR");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const key = ownKey ?? makeKey(name);

  async function create(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      const { data } = await api.POST("/applications", { body: { name, key, timezone, currency } });
      await reload();
      onDone?.();
      navigate(pagePath((data as Schemas["ApplicationAnswer"]).key, "data"));
    } catch (problem) {
      setError(toApiError(problem));
      setBusy(false);
    }
  }

  const isAtFields = ["name", "key", "timezone", "currency"].some((field) => error?.fieldMessage(field));
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      {error && !isAtFields ? <ErrorNotice error={error} /> : null}
      <TextField
        label={account.applicationName}
        hint={account.applicationNameHint}
        value={name}
        onInput={setName}
        error={error?.fieldMessage("name")}
        required
      />
      <TextField
        label={account.applicationKey}
        hint={account.applicationKeyHint}
        value={key}
        onInput={setOwnKey}
        error={error?.fieldMessage("key")}
        required
      />
      <TextField
        label={account.timezone}
        hint={account.timezoneHint}
        value={timezone}
        onInput={setTimezone}
        error={error?.fieldMessage("timezone")}
        autocomplete="off"
        suggestions={Intl.supportedValuesOf("timeZone")}
        required
      />
      <TextField
        label={account.currency}
        value={currency}
        onInput={(value) => {
          setCurrency(value.toUpperCase());
        }}
        error={error?.fieldMessage("currency")}
        autocomplete="off"
        suggestions={Intl.supportedValuesOf("currency")}
        required
      />
      <div class="row">
        <Button kind="main" type="submit" disabled={isBusy || !key}>
          {account.createApplication}
        </Button>
        {onCancel ? <Button onClick={onCancel}>{common.cancel}</Button> : null}
      </div>
    </form>
  );
}
