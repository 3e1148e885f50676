import type { ComponentChildren, JSX } from "preact";

type Kind = "normal" | "main" | "plain" | "danger";

interface Props extends Omit<JSX.IntrinsicElements["button"], "icon" | "label"> {
  kind?: Kind;
  icon?: ComponentChildren;
  /** Text for screen readers of a button that shows an icon only. */
  label?: string;
}

/** Button with a text, an icon, or both. */
export function Button({ kind = "normal", icon, label, children, class: extra, ...rest }: Props) {
  const classes = ["button", kind === "normal" ? "" : `button-${kind}`, children ? "" : "button-icon", extra ?? ""];
  return (
    <button type="button" class={classes.filter(Boolean).join(" ")} aria-label={label} title={label} {...rest}>
      {icon}
      {children}
    </button>
  );
}
