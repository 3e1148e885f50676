import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";

import { readStored, writeStored } from "~/state/storage";

export type ThemeChoice = "auto" | "light" | "dark";

interface ThemeState {
  choice: ThemeChoice;
  isDark: boolean;
  setChoice: (choice: ThemeChoice) => void;
}

const STORED = "theme";
const Context = createContext<ThemeState | null>(null);

function readChoice(): ThemeChoice {
  const saved = readStored(STORED);
  return saved === "light" || saved === "dark" ? saved : "auto";
}

/** Apply the light or dark colours: those of the system until others are chosen. */
export function ThemeProvider({ children }: { children: ComponentChildren }) {
  const [choice, setChoice] = useState<ThemeChoice>(readChoice);
  const [isSystemDark, setSystemDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const isDark = choice === "dark" || (choice === "auto" && isSystemDark);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light"; // before plots read their colours

  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => {
      setSystemDark(query.matches);
    };
    query.addEventListener("change", follow);
    return () => {
      query.removeEventListener("change", follow);
    };
  }, []);

  useEffect(() => {
    const lighten = () => {
      document.documentElement.dataset["theme"] = "light"; // light texts are not readable on paper
    };
    const restore = () => {
      document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
    };
    addEventListener("beforeprint", lighten, true); // before plots read their colours
    addEventListener("afterprint", restore, true);
    return () => {
      removeEventListener("beforeprint", lighten, true);
      removeEventListener("afterprint", restore, true);
    };
  }, [isDark]);

  const value = useMemo<ThemeState>(
    () => ({
      choice,
      isDark,
      setChoice: (next) => {
        writeStored(STORED, next);
        setChoice(next);
      },
    }),
    [choice, isDark],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Return the colours of the page. */
export function useTheme(): ThemeState {
  const value = useContext(Context);
  if (!value) throw new Error("ThemeProvider is missing");
  return value;
}
