import { Check, Copy } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";

import { useTexts } from "~/i18n/language";

import { Button } from "./Button";

/** Button that copies a text to the clipboard. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { common } = useTexts();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, 2000);
    return () => {
      clearTimeout(timer);
    };
  }, [isCopied]);

  function copy(): void {
    copyText(text).then(
      () => {
        setCopied(true);
      },
      () => undefined,
    );
  }

  return (
    <Button
      onClick={copy}
      icon={isCopied ? <Check size={16} aria-hidden="true" /> : <Copy size={16} aria-hidden="true" />}
      aria-live="polite"
    >
      {isCopied ? common.copied : (label ?? common.copy)}
    </Button>
  );
}

/** Copy a text, also where the page is served by plain HTTP and browsers have no clipboard API. */
async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  const dialogs = document.querySelectorAll("dialog[open]");
  (dialogs[dialogs.length - 1] ?? document.body).append(area); // what is behind a dialog cannot be selected
  area.select();
  document.execCommand("copy");
  area.remove();
}
