import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { useTexts } from "~/i18n/language";

import { Button } from "./Button";

/** Modal dialog; Escape and the button at its corner close it, and what has opened it has the focus again. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const { common } = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      element?.close(); // removing it alone would leave the focus nowhere
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <Button kind="plain" icon={<X size={18} aria-hidden="true" />} label={common.close} onClick={onClose} />
      </div>
      <div class="dialog-body stack">{children}</div>
    </dialog>
  );
}
