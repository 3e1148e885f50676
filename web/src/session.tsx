/** Who is logged in, and which application is open. */
import { type ComponentChildren, createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";

import { api, onSignedOut, type Schemas, setApiKey } from "~/api/client";
import { ApiError } from "~/api/errors";
import { ErrorNotice } from "~/ui/Notice";

export type Me = Schemas["Me"];
export type Role = "reader" | "editor" | "admin";

export interface Session {
  /** `undefined` while it is being found out, `null` when nobody is logged in. */
  me: Me | null | undefined;
  /** Whether a session has ended that had been open in this page. */
  hasEnded: boolean;
  logIn: (login: string, password: string, captchaPayload?: string) => Promise<void>;
  logInByKey: (key: string) => Promise<void>;
  logOut: () => Promise<void>;
  reload: () => Promise<void>;
}

const Context = createContext<Session | null>(null);

async function readMe(): Promise<Me> {
  const { data } = await api.GET("/auth/me", {});
  return data as Me;
}

/** Provide the session to the page. */
export function SessionProvider({ children }: { children: ComponentChildren }) {
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const [hasEnded, setEnded] = useState(false);
  const [failure, setFailure] = useState<ApiError | null>(null); // of the first request

  const reload = useCallback(async () => {
    setMe(await readMe());
  }, []);

  const start = useCallback(() => {
    setFailure(null);
    reload().catch((error: unknown) => {
      if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) setFailure(error);
      else setMe(null);
    });
  }, [reload]);

  useEffect(() => {
    onSignedOut(() => {
      setApiKey(null);
      setMe((former) => {
        if (former) setEnded(true);
        return null;
      });
    });
    start();
  }, [start]);

  const value = useMemo<Session>(
    () => ({
      me,
      hasEnded,
      reload,
      logIn: async (login, password, captchaPayload) => {
        await api.POST("/auth/login", {
          body: { login, password, setCookie: true, ...(captchaPayload ? { captchaPayload } : {}) },
        });
        setMe(await readMe());
        setEnded(false);
      },
      logInByKey: async (key) => {
        setApiKey(key);
        try {
          setMe(await readMe());
          setEnded(false);
        } catch (error) {
          setApiKey(null);
          throw error;
        }
      },
      logOut: async () => {
        try {
          await api.POST("/auth/logout", {});
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
        }
        setApiKey(null);
        setEnded(false);
        setMe(null);
      },
    }),
    [me, hasEnded, reload],
  );
  if (failure)
    return (
      <main class="notice-page">
        <ErrorNotice error={failure} onRetry={start} />
      </main>
    );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Return the session. */
export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("SessionProvider is missing");
  return session;
}
