import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";

import { type Formats, makeFormats } from "~/format/formats";
import { readStored, writeStored } from "~/state/storage";

import { en, type Texts } from "./en";
import { fr } from "./fr";

export const LANGUAGES = { en: "English", fr: "Français" } as const;
export type Language = keyof typeof LANGUAGES;

interface Localization {
  language: Language;
  setLanguage: (language: Language) => void;
  texts: Texts;
  formats: Formats;
}

const STORED = "language";
const Context = createContext<Localization | null>(null);

function firstLanguage(): Language {
  const chosen = [readStored(STORED) ?? "", ...navigator.languages];
  for (const tag of chosen) {
    if (tag.startsWith("fr")) return "fr";
    if (tag.startsWith("en")) return "en";
  }
  return "en";
}

/** Provide texts and formats of the user's language, by the browser's setting until another is chosen. */
export function LanguageProvider({ children }: { children: ComponentChildren }) {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const value = useMemo<Localization>(() => {
    const locale =
      navigator.languages.find((tag) => tag.startsWith(language)) ?? (language === "fr" ? "fr-FR" : "en-GB");
    return {
      language,
      setLanguage: (next) => {
        writeStored(STORED, next);
        setLanguage(next);
      },
      texts: language === "fr" ? fr : en,
      formats: makeFormats(locale),
    };
  }, [language]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Return texts, formats and the language of the page. */
export function useLanguage(): Localization {
  const value = useContext(Context);
  if (!value) throw new Error("LanguageProvider is missing");
  return value;
}

/** Return the texts of the page. */
export function useTexts(): Texts {
  return useLanguage().texts;
}
