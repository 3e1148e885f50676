import { useTexts } from "~/i18n/language";

/** The page is being written. */
export function OverviewPage() {
  const { common } = useTexts();
  return <p class="muted">{common.loading}</p>;
}
