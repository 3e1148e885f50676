import type { ComponentType } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useEffect, useState } from "preact/hooks";
import { Redirect, Route, Router, Switch, useLocation, useSearch } from "wouter-preact";

import { type LinkToken, readLinkToken } from "~/account/link";
import { StartPage } from "~/account/StartPage";
import { ApplicationProvider } from "~/application";
import { Frame, type PageName } from "~/frame/Frame";
import { useTexts } from "~/i18n/language";
import { LoginPage } from "~/pages/login/LoginPage";
import { OverviewPage } from "~/pages/overview/OverviewPage";
import { ROOT } from "~/root";
import { useSession } from "~/session";
import { pagePath } from "~/state/location";
import { readStored, writeStored } from "~/state/storage";
import { Skeleton } from "~/ui/Loading";

const PAGES: Record<PageName, ComponentType> = {
  overview: OverviewPage,
  explore: lazy(() => import("~/pages/explore/ExplorePage").then((module) => module.ExplorePage)),
  map: lazy(() => import("~/pages/map/MapPage").then((module) => module.MapPage)),
  campaigns: lazy(() => import("~/pages/campaigns/CampaignsPage").then((module) => module.CampaignsPage)),
  data: lazy(() => import("~/pages/data/DataPage").then((module) => module.DataPage)),
  manage: lazy(() => import("~/pages/manage/ManagePage").then((module) => module.ManagePage)),
};
const LAST_APPLICATION = "application"; // in the storage

/** All pages, by the path below the server's root. */
export function App() {
  return (
    <Router base={ROOT.slice(0, -1)}>
      <Switch>
        <Route path="/login" component={LogIn} />
        <Route path="/a/:application/:page/*?">
          {({ application, page }) => <ApplicationPage application={decodeURIComponent(application)} page={page} />}
        </Route>
        <Route component={Home} />
      </Switch>
    </Router>
  );
}

/** Log in, or do what a link is for; then go where the user had wanted to. */
function LogIn() {
  const { me } = useSession();
  const search = new URLSearchParams(useSearch());
  const [link, setLink] = useState<LinkToken | null>(() => readLinkToken(location));
  useEffect(() => {
    const follow = () => {
      setLink((former) => readLinkToken(location) ?? former); // a link that is opened where the page is open already
    };
    addEventListener("hashchange", follow);
    return () => {
      removeEventListener("hashchange", follow);
    };
  }, []);
  if (!me || link)
    return (
      <LoginPage
        link={link}
        onLinkUsed={() => {
          setLink(null);
        }}
      />
    );
  const next = search.get("next") ?? "/";
  return <Redirect to={/^\/(?!\/)/.test(next) ? next : "/"} replace />;
}

/** Redirect to the overview of the application last used. */
function Home() {
  const { me } = useSession();
  if (me === undefined) return <Skeleton height={480} />;
  if (me === null) return <Redirect to="/login" replace />;
  const last = readStored(LAST_APPLICATION);
  const open = me.applications.find((one) => (one.key ?? one._id) === last) ?? me.applications[0];
  if (!open) return <StartPage />;
  return <Redirect to={pagePath(open.key ?? open._id, "overview")} replace />;
}

function ApplicationPage({ application, page }: { application: string; page: string }) {
  const { me } = useSession();
  const [path] = useLocation();
  const search = useSearch();
  const texts = useTexts();
  const name = (Object.hasOwn(PAGES, page) ? page : "overview") as PageName;

  useEffect(() => {
    writeStored(LAST_APPLICATION, application);
  }, [application]);
  useEffect(() => {
    document.title = `${texts.frame[name]} – ${application} – Okube`;
  }, [texts, name, application]);

  if (me === undefined) return <Skeleton height={480} />;
  if (me === null)
    return <Redirect to={`/login?next=${encodeURIComponent(path + (search ? `?${search}` : ""))}`} replace />;
  const Page = PAGES[name];
  return (
    <ApplicationProvider name={application}>
      <Frame page={name}>
        <Suspense fallback={<Skeleton height={480} />}>
          <Page />
        </Suspense>
      </Frame>
    </ApplicationProvider>
  );
}
