import { Trash2, Users } from "lucide-preact";
import { useState } from "preact/hooks";
import { Link, useLocation, useSearch } from "wouter-preact";

import { api, type Schemas } from "~/api/client";
import { type ApiError, toApiError } from "~/api/errors";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { ROOT } from "~/root";
import { useSession } from "~/session";
import { pagePath } from "~/state/location";
import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/CopyButton";
import { Dialog } from "~/ui/Dialog";
import { TextField } from "~/ui/Field";
import { Loaded } from "~/ui/Loading";
import { ErrorNotice } from "~/ui/Notice";

type View = Schemas["ViewAnswer"];

/** Views saved by name, one's own and the shared ones; a form that saves the view that is open; its link. */
export function ViewsDialog({ onClose }: { onClose: () => void }) {
  const texts = useTexts();
  const { key, role } = useApplication();
  const { me } = useSession();
  const [path] = useLocation();
  const search = useSearch();
  const [name, setName] = useState("");
  const [isShared, setShared] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const remote = useRemote(
    `views ${key}`,
    async (signal) => {
      const { data } = await api.GET("/applications/{application}/views", {
        params: { path: { application: key }, query: { per_page: 100 } },
        signal,
      });
      return (data as { documents: View[] }).documents;
    },
    { immediate: true },
  );

  async function change(action: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await action();
      remote.reload();
    } catch (problem) {
      setError(toApiError(problem));
    } finally {
      setBusy(false);
    }
  }

  async function save(): Promise<void> {
    const page = path.split("/").slice(3).join("/");
    await api.POST("/applications/{application}/views", {
      params: { path: { application: key } },
      body: { name, path: page, query: search, shared: isShared },
    });
    setName("");
  }

  return (
    <Dialog title={texts.frame.views} onClose={onClose}>
      {error ? <ErrorNotice error={error} /> : null}
      <Loaded remote={remote} height={96}>
        {(views) =>
          views.length ? (
            <ul class="views">
              {views.map((view) => (
                <li key={view._id} class="row">
                  <Link href={`${pagePath(key, view.path)}${view.query ? `?${view.query}` : ""}`} onClick={onClose}>
                    {view.name}
                  </Link>
                  {view.shared ? (
                    <span class="muted row">
                      <Users size={14} aria-hidden="true" />
                      {view.owner._id === me?.user._id ? texts.views.shared : texts.views.sharedBy(view.owner.name)}
                    </span>
                  ) : null}
                  {view.owner._id === me?.user._id || role === "admin" ? (
                    <Button
                      kind="plain"
                      label={`${texts.common.delete} ${view.name}`}
                      icon={<Trash2 size={16} aria-hidden="true" />}
                      disabled={isBusy}
                      onClick={() =>
                        void change(() =>
                          api.DELETE("/applications/{application}/views/{view}", {
                            params: { path: { application: key, view: view._id } },
                          }),
                        )
                      }
                    />
                  ) : null}
                </li>
              ))}
            </ul>
          ) : (
            <p class="muted">{texts.views.none}</p>
          )
        }
      </Loaded>
      <form
        class="stack views-form"
        onSubmit={(event) => {
          event.preventDefault();
          void change(save);
        }}
      >
        <h3>{texts.frame.saveView}</h3>
        <TextField
          label={texts.views.name}
          value={name}
          onInput={setName}
          error={error?.fieldMessage("name")}
          hint={texts.views.hint}
          required
        />
        {role === "reader" ? null : (
          <label class="row">
            <input
              type="checkbox"
              checked={isShared}
              onChange={(event) => {
                setShared(event.currentTarget.checked);
              }}
            />
            {texts.views.share}
          </label>
        )}
        <div class="row">
          <Button kind="main" type="submit" disabled={isBusy || !name.trim()}>
            {texts.common.save}
          </Button>
          <CopyButton
            text={`${location.origin}${ROOT.slice(0, -1)}${path}${search ? `?${search}` : ""}`}
            label={texts.views.copyLink}
          />
        </div>
      </form>
    </Dialog>
  );
}
