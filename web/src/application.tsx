/** The application that is open: its settings, the user's role, its period and comparison. */
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { api, type Schemas } from "~/api/client";
import type { ApiError } from "~/api/errors";
import type { Days, Question } from "~/api/questions";
import { useRemote } from "~/api/useRemote";
import { useLanguage } from "~/i18n/language";
import { type Role, useSession } from "~/session";
import { pagePath, useFrameState } from "~/state/location";
import { readToday } from "~/state/days";
import { presetDays } from "~/state/period";
import { Button } from "~/ui/Button";
import { Loaded } from "~/ui/Loading";
import { ErrorNotice } from "~/ui/Notice";

export type ApplicationAnswer = Schemas["ApplicationAnswer"];

export interface OpenApplication {
  /** Key, or id where it has none: what stands in paths. */
  key: string;
  settings: ApplicationAnswer;
  role: Role;
  currency: string;
  timezone: string;
  /** Today in the time zone of the application. */
  today: string;
  weekStart: string;
  /** Days of the period at the top of the page. */
  days: Days;
  /** What to add to a question to compare it as chosen at the top; empty without a comparison. */
  compare: Pick<Question, "compare">;
  /** Read the settings again, after a change. */
  reload: () => void;
}

const Context = createContext<OpenApplication | null>(null);

/** Provide the application that the URL names. */
export function ApplicationProvider({ name, children }: { name: string; children: ComponentChildren }) {
  const { me } = useSession();
  const { period, comparison } = useFrameState();
  const remote = useRemote(
    `application ${name}`,
    async (signal) => {
      const { data } = await api.GET("/applications/{application}", {
        params: { path: { application: name } },
        signal,
      });
      return data as ApplicationAnswer;
    },
    { immediate: true },
  );
  const settings = remote.data;
  const timezone = settings?.timezone ?? "Europe/Paris";
  const today = useToday(timezone);
  const reload = useRef(remote.reload);
  const value = useMemo<OpenApplication | null>(() => {
    if (!settings) return null;
    const calendar = settings.settings as { calendar?: { weekStart?: string } | null; weekStart?: string } | undefined;
    const weekStart = calendar?.weekStart ?? calendar?.calendar?.weekStart ?? "monday";
    const own = me?.applications.find((one) => one._id === settings._id || one.key === settings.key);
    return {
      key: settings.key ?? settings._id,
      settings,
      role: me?.platformAdmin ? "admin" : ((own?.role as Role | undefined) ?? "reader"),
      currency: settings.currency ?? "EUR",
      timezone,
      today,
      weekStart,
      days: typeof period === "string" ? presetDays(period, today, weekStart) : period,
      compare: comparison === "none" ? {} : { compare: { to: [comparison] } },
      reload: reload.current,
    };
  }, [settings, me, period, comparison, timezone, today]);
  if (remote.error) return <ApplicationError error={remote.error} onRetry={remote.reload} />;
  return (
    <Loaded remote={remote} height={480}>
      {() => <Context.Provider value={value}>{value ? children : null}</Context.Provider>}
    </Loaded>
  );
}

/** Return today in a time zone, also on a page that stays open beyond midnight. */
function useToday(timezone: string): string {
  const [, setToday] = useState("");
  useEffect(() => {
    const timer = setInterval(() => {
      setToday(readToday(timezone)); // renders anew when it is another day
    }, 60_000);
    return () => {
      clearInterval(timer);
    };
  }, [timezone]);
  return readToday(timezone);
}

/** Why the application cannot be opened, with the others that can. */
function ApplicationError({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const { texts } = useLanguage();
  const { me, logOut } = useSession();
  return (
    <main class="notice-page stack">
      <ErrorNotice error={error} onRetry={onRetry} />
      {me?.applications.length ? (
        <nav aria-label={texts.frame.applications}>
          <h1>{texts.frame.applications}</h1>
          <ul>
            {me.applications.map((one) => (
              <li key={one._id}>
                <Link href={pagePath(one.key ?? one._id, "overview")}>{one.name}</Link>
              </li>
            ))}
          </ul>
        </nav>
      ) : null}
      <p>
        <Button onClick={() => void logOut()}>{texts.frame.logOut}</Button>
      </p>
    </main>
  );
}

/** Return the application that is open. */
export function useApplication(): OpenApplication {
  const value = useContext(Context);
  if (!value) throw new Error("ApplicationProvider is missing");
  return value;
}
