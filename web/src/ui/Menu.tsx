import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Button } from "./Button";

interface Item {
  label: ComponentChildren;
  icon?: ComponentChildren;
  onSelect?: () => void;
  /** A link instead of an action. */
  href?: string;
  download?: string;
}

/** Button that opens a list of actions and links. */
export function Menu({
  label,
  icon,
  text,
  items,
}: {
  label: string;
  icon: ComponentChildren;
  text?: string;
  items: readonly Item[];
}) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>(".menu-item")?.focus();
    const close = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, [isOpen]);

  function onKeyDown(event: KeyboardEvent): void {
    const entries = [...(root.current?.querySelectorAll<HTMLElement>(".menu-item") ?? [])];
    const position = entries.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      setOpen(false);
      root.current?.querySelector("button")?.focus();
    } else if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      entries[(position + step + entries.length) % entries.length]?.focus();
    }
  }

  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <Button
        label={label}
        icon={icon}
        kind="plain"
        aria-expanded={isOpen}
        onClick={() => {
          setOpen(!isOpen);
        }}
      >
        {text}
      </Button>
      {isOpen ? (
        <ul class="menu-list">
          {items.map((item, index) => (
            <li key={index}>
              {item.href ? (
                <a class="menu-item" href={item.href} download={item.download}>
                  {item.icon}
                  {item.label}
                </a>
              ) : (
                <button
                  type="button"
                  class="menu-item"
                  onClick={() => {
                    setOpen(false);
                    item.onSelect?.();
                  }}
                >
                  {item.icon}
                  {item.label}
                </button>
              )}
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
