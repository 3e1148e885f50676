import { useTexts } from "~/i18n/language";
import { TextField } from "~/ui/Field";

/** Field where a user chooses a password, with the rules for passwords. */
export function NewPasswordField({
  label,
  value,
  onInput,
  error,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  error: string | undefined;
}) {
  const { account } = useTexts();
  return (
    <TextField
      label={label}
      hint={account.passwordHint}
      type="password"
      autocomplete="new-password"
      value={value}
      onInput={onInput}
      error={error}
      required
    />
  );
}
