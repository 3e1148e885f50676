import {
  Bookmark,
  BookOpen,
  ChartLine,
  Database,
  House,
  Languages,
  Map as MapIcon,
  Megaphone,
  Plus,
  Printer,
  Settings,
  Sun,
  UserRound,
} from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";

import { Invitations } from "~/account/Invitations";
import { NewApplication } from "~/account/NewApplication";
import { PasswordDialog } from "~/account/PasswordDialog";
import { useApplication } from "~/application";
import { type Language, LANGUAGES, useLanguage } from "~/i18n/language";
import icon from "~/icon.svg";
import { HAS_MANUAL, ROOT } from "~/root";
import { useSession } from "~/session";
import { keptQuery, pagePath, useQuery } from "~/state/location";
import { type ThemeChoice, useTheme } from "~/theme";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Menu } from "~/ui/Menu";

import { FilterBar } from "./FilterBar";
import { PeriodPicker } from "./PeriodPicker";
import { ViewsDialog } from "./ViewsDialog";

import "./frame.css";

const PAGES = [
  { page: "overview", icon: House },
  { page: "explore", icon: ChartLine },
  { page: "map", icon: MapIcon },
  { page: "campaigns", icon: Megaphone },
  { page: "data", icon: Database },
  { page: "manage", icon: Settings },
] as const;
export type PageName = (typeof PAGES)[number]["page"];

/** What surrounds every page: application, period and comparison at the top, pages at the left. */
export function Frame({ page, children }: { page: PageName; children: ComponentChildren }) {
  const { texts } = useLanguage();
  const application = useApplication();
  const { me } = useSession();
  const [params] = useQuery();
  const [isShowingViews, setShowingViews] = useState(false);
  const query = keptQuery(params);
  const isAboutFigures = page !== "data" && page !== "manage";
  return (
    <div class="frame">
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault(); // the URL is the state of the page
          document.getElementById("content")?.focus();
        }}
      >
        {texts.common.skip}
      </a>
      <header class="frame-top">
        <ApplicationPicker page={page} />
        {isAboutFigures ? <PeriodPicker /> : null}
        <div class="frame-menus">
          <Button
            kind="plain"
            label={texts.frame.views}
            icon={<Bookmark size={18} aria-hidden="true" />}
            onClick={() => {
              setShowingViews(true);
            }}
          >
            <span>{texts.frame.views}</span>
          </Button>
          {HAS_MANUAL ? (
            <a
              class="button button-plain button-icon"
              href={`${ROOT}manual/`}
              target="_blank"
              rel="noreferrer"
              aria-label={texts.frame.manual}
              title={texts.frame.manual}
            >
              <BookOpen size={18} aria-hidden="true" />
            </a>
          ) : null}
          <Preferences />
        </div>
      </header>
      {isShowingViews ? (
        <ViewsDialog
          onClose={() => {
            setShowingViews(false);
          }}
        />
      ) : null}
      <nav class="frame-pages no-print" aria-label={texts.frame.pages}>
        {PAGES.map(({ page: name, icon: Icon }) => (
          <Link
            key={name}
            href={pagePath(application.key, name === "manage" ? "manage/sites" : name) + query}
            class="frame-page"
            aria-current={name === page ? "page" : undefined}
          >
            <Icon size={20} aria-hidden="true" />
            <span>{texts.frame[name]}</span>
          </Link>
        ))}
      </nav>
      <main id="content" class="frame-content" tabIndex={-1}>
        <h1 class={isAboutFigures ? "visually-hidden" : "frame-title"}>{texts.frame[page]}</h1>
        {me?.invitations.length ? <Invitations /> : null}
        {isAboutFigures ? <FilterBar /> : null}
        {children}
      </main>
    </div>
  );
}

function ApplicationPicker({ page }: { page: PageName }) {
  const { texts } = useLanguage();
  const { key, settings } = useApplication();
  const { me } = useSession();
  const [, navigate] = useLocation();
  const [isCreating, setCreating] = useState(false);
  const applications = me?.applications ?? [];
  return (
    <div class="frame-application">
      <img src={icon} width={28} height={28} alt="" />
      {applications.length > 1 ? (
        <select
          class="select"
          aria-label={texts.frame.application}
          value={key}
          onChange={(event) => {
            navigate(pagePath(event.currentTarget.value, page === "manage" ? "manage/sites" : page));
          }}
        >
          {applications.map((one) => (
            <option key={one._id} value={one.key ?? one._id}>
              {one.key === key ? settings.name : one.name}
            </option>
          ))}
        </select>
      ) : (
        <strong>{settings.name}</strong>
      )}
      {me?.platformAdmin && !me.isApiKey ? (
        <Button
          kind="plain"
          label={texts.account.newApplication}
          icon={<Plus size={18} aria-hidden="true" />}
          onClick={() => {
            setCreating(true);
          }}
        />
      ) : null}
      {isCreating ? (
        <Dialog
          title={texts.account.newApplication}
          onClose={() => {
            setCreating(false);
          }}
        >
          <NewApplication
            onDone={() => {
              setCreating(false);
            }}
            onCancel={() => {
              setCreating(false);
            }}
          />
        </Dialog>
      ) : null}
    </div>
  );
}

function Preferences() {
  const { texts, language, setLanguage } = useLanguage();
  const { choice, setChoice } = useTheme();
  const { me, logOut } = useSession();
  const [isChangingPassword, setChangingPassword] = useState(false);
  const themes: [ThemeChoice, string][] = [
    ["auto", texts.frame.themeAuto],
    ["light", texts.frame.themeLight],
    ["dark", texts.frame.themeDark],
  ];
  return (
    <>
      <Menu
        label={texts.frame.language}
        icon={<Languages size={18} aria-hidden="true" />}
        items={Object.entries(LANGUAGES).map(([code, name]) => ({
          label: code === language ? <strong>{name}</strong> : name,
          onSelect: () => {
            setLanguage(code as Language);
          },
        }))}
      />
      <Menu
        label={texts.frame.theme}
        icon={<Sun size={18} aria-hidden="true" />}
        items={themes.map(([value, name]) => ({
          label: value === choice ? <strong>{name}</strong> : name,
          onSelect: () => {
            setChoice(value);
          },
        }))}
      />
      <Menu
        label={`${texts.frame.account}${texts.filters.colon} ${me?.user.name ?? me?.user.login ?? ""}`}
        icon={<UserRound size={18} aria-hidden="true" />}
        items={[
          {
            label: texts.frame.print,
            icon: <Printer size={16} aria-hidden="true" />,
            onSelect: () => {
              print();
            },
          },
          { label: texts.frame.docs, href: `${ROOT}docs` },
          ...(me?.isApiKey
            ? []
            : [
                {
                  label: texts.account.changePassword,
                  onSelect: () => {
                    setChangingPassword(true);
                  },
                },
              ]),
          { label: texts.frame.logOut, onSelect: () => void logOut() },
        ]}
      />
      {isChangingPassword ? (
        <PasswordDialog
          onClose={() => {
            setChangingPassword(false);
          }}
        />
      ) : null}
    </>
  );
}
