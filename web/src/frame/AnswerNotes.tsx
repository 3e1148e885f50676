import { Fragment } from "preact";

import type { Answer, Note } from "~/api/questions";
import { useTexts } from "~/i18n/language";
import { Notice } from "~/ui/Notice";

/** Notes on why values are empty; an answer has them on each of its KPIs and periods. */
const EMPTY_CODES = /^(no_|filters_keep_none|not_attributed)/;
const MOST = 4;

/** Return the notes of an answer that matter; `isEmpty`: why there are no values, rather of its own than of other periods. */
export function pickNotes(answer: Answer, isEmpty: boolean): Note[] {
  const notes = (answer.meta.notes ?? []).filter(
    ({ code }, index, all) =>
      code !== "incomplete_comparison" && // the page says so in its own words
      (isEmpty || !EMPTY_CODES.test(code)) &&
      all.findIndex(({ message }) => message === all[index]?.message) === index,
  );
  const own = notes.filter(
    ({ code, message }) => !EMPTY_CODES.test(code) || message.includes(String(answer.meta["from"])),
  );
  return (own.length ? own : notes).slice(0, MOST);
}

/** What the server says of an answer: what was left out and, with `isEmpty`, why there are no values. */
export function AnswerNotes({ answer, isEmpty }: { answer: Answer | undefined; isEmpty: boolean }) {
  const translations = useTexts().frame.notes;
  const notes = answer ? pickNotes(answer, isEmpty) : [];
  if (!notes.length) return null;
  return (
    <Notice>
      {notes.map(({ code, message }, index) => (
        <Fragment key={message}>
          {translations[code] && code !== notes[index - 1]?.code ? <p>{translations[code]}</p> : null}
          <p lang="en" class={translations[code] ? "muted" : ""}>
            {message}
          </p>
        </Fragment>
      ))}
    </Notice>
  );
}
