import { Link } from "wouter-preact";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { pagePath } from "~/state/location";

/** What to do in an application that has no data yet. */
export function EmptyApplication() {
  const { texts } = useLanguage();
  const { key, role } = useApplication();
  const { empty } = texts.overview;
  return (
    <section class="card stack overview-empty">
      <h2>{empty.title}</h2>
      <p>{empty.text}</p>
      <ol>
        {empty.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {role === "reader" ? (
        <p class="muted">{empty.reader}</p>
      ) : (
        <p>
          <Link class="button button-main" href={pagePath(key, "data")}>
            {empty.link}
          </Link>
        </p>
      )}
    </section>
  );
}
